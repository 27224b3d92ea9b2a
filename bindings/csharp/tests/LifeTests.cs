// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Diagnostics;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;

namespace Agw.Tests
{
    /// <summary>Dispose, Cancel, tokens, and threads.</summary>
    internal static class LifeTests
    {
        private const int Threads = 16;

        [Test]
        private static void DisposeTwiceAndUseAfter(Gateway gateway)
        {
            AgwClient client = gateway.Client();
            client.Connect();
            client.Dispose();
            client.Dispose();
            Check.Throws<ObjectDisposedException>(() => client.RejectAgentConf("154", "guid"));
            Check.Throws<ObjectDisposedException>(() => client.Connect());
            Check.Throws<ObjectDisposedException>(() => client.Cancel());
            Check.Throws<ObjectDisposedException>(() => Wait(client.RejectAgentConfAsync("154", "guid")));
            Check.Throws<ObjectDisposedException>(() => Wait(client.ConnectAsync()));
        }

        [Test]
        private static void DisposeInManyThreads(Gateway gateway)
        {
            for (int round = 0; round < 50; round++)
            {
                AgwClient client = gateway.Client();
                InThreads(number => client.Dispose());
            }
        }

        [Test]
        private static void DisposeEndsCalls(Gateway gateway)
        {
            AgwClient client = gateway.Client();
            using (CancellationTokenSource source = new CancellationTokenSource())
            {
                Task one = Stalled(gateway, client, "160", CancellationToken.None);
                Task other = Stalled(gateway, client, "161", source.Token);
                Stopwatch watch = Stopwatch.StartNew();
                client.Dispose();
                Check.That(Check.Throws<AgwCancelledException>(() => Wait(one)).MaybeSent, "maybe sent");
                Check.Throws<AgwCancelledException>(() => Wait(other));
                Check.Within(0, 2000, watch.Elapsed, "ended soon");
            }
        }

        [Test]
        private static void CancelEndsAllCalls(Gateway gateway)
        {
            using (CancellationTokenSource source = new CancellationTokenSource())
            using (AgwClient client = gateway.Client())
            {
                Task one = Stalled(gateway, client, "160", CancellationToken.None);
                Task other = Stalled(gateway, client, "161", source.Token);
                client.Cancel();
                Check.Throws<AgwCancelledException>(() => Wait(one));
                Check.Throws<AgwCancelledException>(() => Wait(other));
                client.Connect();
            }
        }

        [Test]
        private static void TokenEndsItsCallAlone(Gateway gateway)
        {
            using (CancellationTokenSource source = new CancellationTokenSource())
            using (AgwClient client = gateway.Client())
            {
                gateway.Ring("160");
                Task<AgwAnswer> bystander = Stalled(gateway, client, "160", CancellationToken.None, 1500);
                Task<AgwAnswer> cancelled = Stalled(gateway, client, "161", source.Token);
                Stopwatch watch = Stopwatch.StartNew();
                source.Cancel();
                OperationCanceledException why = Check.Throws<OperationCanceledException>(
                    () => Wait(cancelled));
                Check.Within(0, 2000, watch.Elapsed, "ended soon");
                Check.That(cancelled.IsCanceled, "the task is cancelled");
                Check.Same(source.Token, why.CancellationToken, "token");
                Check.That(((AgwCancelledException)why.InnerException).MaybeSent, "maybe sent");
                Check.Same("0", bystander.Result.Retcode, "the other call");
            }
        }

        [Test]
        private static void TokenCancelledBefore(Gateway gateway)
        {
            using (AgwClient client = gateway.Client())
            {
                int before = gateway.Rejects("162");
                Task<AgwAnswer> call = client.RejectAgentConfAsync(
                    "162", gateway.Guid("162"), new CancellationToken(true));
                Check.Same(null, Check.Throws<TaskCanceledException>(() => Wait(call)).InnerException, "inner");
                Check.Same(before, gateway.Rejects("162"), "requests");
            }
        }

        /// <summary>At every moment around the beginning of the call, none is missed.</summary>
        [Test]
        private static void TokenCancelledAtAnyMoment(Gateway gateway)
        {
            using (AgwClient client = gateway.Client())
            {
                gateway.AnswerWith("162", "\"delayMs\":20000,\"count\":100");
                for (int round = 0; round < 60; round++)
                {
                    using (CancellationTokenSource source = new CancellationTokenSource())
                    {
                        Task call = client.RejectAgentConfAsync("162", gateway.Guid("162"), source.Token);
                        Thread.SpinWait(round * round * 100);
                        Stopwatch watch = Stopwatch.StartNew();
                        source.Cancel();
                        Check.That(Refusal(call) is OperationCanceledException, "cancelled");
                        Check.Within(0, 5000, watch.Elapsed, "ended soon, round " + round);
                    }
                }
            }
        }

        [Test]
        private static void TokenEndsASynchronousCall(Gateway gateway)
        {
            using (CancellationTokenSource source = new CancellationTokenSource())
            using (AgwClient client = gateway.Client())
            {
                gateway.AnswerWith("161", "\"delayMs\":20000");
                int before = gateway.Rejects("161");
                Task call = Task.Factory.StartNew(
                    () => client.RejectAgentConf("161", gateway.Guid("161"), source.Token),
                    TaskCreationOptions.LongRunning);
                Check.That(SpinWait.SpinUntil(() => gateway.Rejects("161") > before, 10000), "it arrives");
                source.Cancel();
                OperationCanceledException why = Check.Throws<OperationCanceledException>(() => Wait(call));
                Check.Same(source.Token, why.CancellationToken, "token");
                Check.That(((AgwCancelledException)why.InnerException).MaybeSent, "maybe sent");
                why = Check.Throws<OperationCanceledException>(() => client.Connect(source.Token));
                Check.That(!((AgwCancelledException)why.InnerException).MaybeSent, "not sent");
                client.Connect(CancellationToken.None);
            }
        }

        /// <summary>The library's own memory of early cancels: nothing is sent.</summary>
        [Test]
        private static void TokenCancelledBeforeASynchronousCall(Gateway gateway)
        {
            CancellationToken token = new CancellationToken(true);
            using (AgwClient client = gateway.Client())
            {
                int before = gateway.Rejects("162");
                OperationCanceledException why = Check.Throws<OperationCanceledException>(
                    () => client.RejectAgentConf("162", gateway.Guid("162"), token));
                Check.That(!((AgwCancelledException)why.InnerException).MaybeSent, "not sent");
                Check.Same(before, gateway.Rejects("162"), "requests");
                Check.Throws<AgwInvalidAgentIdException>(() => client.RejectAgentConf("15a", "guid", token));
                client.Dispose();
                Check.Throws<ObjectDisposedException>(() => client.Connect(token));
            }
        }

        /// <summary>
        /// Every third is cancelled, at any moment from before its beginning on; the others have tokens
        /// that are not. One that lasts makes the test hang.
        /// </summary>
        [Test]
        private static void AThousandCallsOnOneClient(Gateway gateway)
        {
            AgwClientOptions options = gateway.Options();
            options.Timeout = TimeSpan.FromMinutes(10);
            gateway.AnswerWith("163", "\"delayMs\":600000,\"count\":10000");
            using (AgwClient client = new AgwClient(options))
            {
                InThreads(number =>
                {
                    Random moments = new Random(number);
                    for (int call = 0; call < 63; call++)
                    {
                        OneOfAThousand(gateway, client, call, moments.Next(20));
                    }
                });
            }
        }

        private static void OneOfAThousand(Gateway gateway, AgwClient client, int number, int moment)
        {
            using (CancellationTokenSource source = new CancellationTokenSource())
            {
                CancellationToken token = source.Token;
                if (number % 3 != 0)
                {
                    Check.Throws<AgwNoConferenceException>(
                        () => client.RejectAgentConf("201", gateway.Guid("201"), token));
                    return;
                }
                string guid = gateway.Guid("163");
                source.CancelAfter(moment);
                Exception why = Refusal(() =>
                {
                    if (number % 2 == 0)
                    {
                        client.RejectAgentConf("163", guid, token);
                    }
                    else
                    {
                        Wait(client.RejectAgentConfAsync("163", guid, token));
                    }
                });
                Check.That(why is OperationCanceledException, "instead of a cancellation: " + why);
            }
        }

        [Test]
        private static void NumbersLeaveOutZero(Gateway gateway)
        {
            int last = -2;
            Check.Same(uint.MaxValue, AgwClient.NextId(ref last), "the last");
            Check.Same(1u, AgwClient.NextId(ref last), "the one after it");
        }

        [Test]
        private static void SixteenThreadsOneClient(Gateway gateway)
        {
            using (AgwClient client = gateway.Client())
            {
                InThreads(number => Rounds(gateway, client, (201 + number).ToString()));
            }
        }

        [Test]
        private static void ForgottenClientsAreCollected(Gateway gateway)
        {
            WeakReference[] clients = Forgotten(gateway, 20);
            for (int round = 0; round < 20; round++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                Burn(64);
            }
            // Mono scans stacks conservatively: one or two may be kept by a stale word.
            Check.That(clients.Count(client => client.IsAlive) <= 2, "clients stay alive");
        }

        /// <summary>The exception of a task, without the aggregate.</summary>
        internal static void Wait(Task task)
        {
            task.GetAwaiter().GetResult();
        }

        /// <summary>Runs it in 16 threads and hands on what one of them throws.</summary>
        internal static void InThreads(Action<int> action)
        {
            Exception first = null;
            Thread[] threads = Enumerable.Range(0, Threads).Select(
                number => new Thread(() => first = Refusal(() => action(number)) ?? first)).ToArray();
            Array.ForEach(threads, thread => thread.Start());
            Array.ForEach(threads, thread => thread.Join());
            Check.That(first == null, "in a thread: " + first);
        }

        internal static void Rounds(Gateway gateway, AgwClient client, string agent)
        {
            for (int round = 0; round < 5; round++)
            {
                gateway.AnswerWith(agent, "\"retcode\":\"0\",\"message\":\"座席" + agent + "\"");
                AgwAnswer answer = client.RejectAgentConf(agent, gateway.Guid(agent));
                Check.Same("座席" + agent, answer.Message, "the answer to another thread");
            }
        }

        /// <summary>A call that has reached the gateway, which keeps it waiting.</summary>
        private static Task<AgwAnswer> Stalled(
            Gateway gateway, AgwClient client, string agent, CancellationToken token, int delay = 20000)
        {
            int before = gateway.Rejects(agent);
            gateway.AnswerWith(agent, "\"delayMs\":" + delay);
            Task<AgwAnswer> call = client.RejectAgentConfAsync(agent, gateway.Guid(agent), token);
            Check.That(SpinWait.SpinUntil(() => gateway.Rejects(agent) > before, 10000), "it arrives");
            return call;
        }

        internal static Exception Refusal(Task task)
        {
            return Refusal(() => Wait(task));
        }

        private static Exception Refusal(Action action)
        {
            try
            {
                action();
                return null;
            }
            catch (Exception why)
            {
                return why;
            }
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static WeakReference[] Forgotten(Gateway gateway, int count)
        {
            WeakReference[] made = null;
            Thread thread = new Thread(() => made = Enumerable.Range(0, count).Select(
                number => new WeakReference(gateway.Client())).ToArray());
            thread.Start();
            thread.Join();
            return made;
        }

        private static int Burn(int depth)
        {
            return depth == 0 ? 0 : Burn(depth - 1) + depth;
        }
    }
}
