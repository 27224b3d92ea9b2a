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
                Check.Same(2, client.LaneCount, "native clients");
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
                Check.Same(1, client.LaneCount, "native clients");
            }
        }

        [Test]
        private static void ExtraNativeClientsAreFew(Gateway gateway)
        {
            using (CancellationTokenSource source = new CancellationTokenSource())
            using (AgwClient client = gateway.Client())
            {
                for (int round = 0; round < 3; round++)
                {
                    Task[] calls = Enumerable.Range(0, 30).Select(
                        number => (Task)client.RejectAgentConfAsync(
                            "163", gateway.Guid("163"), source.Token)).ToArray();
                    foreach (Task call in calls)
                    {
                        Check.Throws<AgwNoConferenceException>(() => Wait(call));
                    }
                    Check.That(client.LaneCount <= 9, "idle ones: " + client.LaneCount);
                }
            }
        }

        [Test]
        private static void SixteenThreadsOneClient(Gateway gateway)
        {
            using (AgwClient client = gateway.Client())
            {
                InThreads(number => Rounds(gateway, client, (201 + number).ToString()));
                Check.Same(1, client.LaneCount, "native clients");
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

        private static Exception Refusal(Task task)
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
