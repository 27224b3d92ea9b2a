// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace Agw.Tests
{
    /// <summary>More asynchronous calls at once than there are threads for.</summary>
    internal static class TurnTests
    {
        /// <summary>The agent of the call that has to wait.</summary>
        private const string Late = "165";

        [Test]
        private static void QueuedAtItsDeadlineIsNotSent(Gateway gateway)
        {
            int before = gateway.Rejects(Late);
            using (ManualResetEventSlim go = new ManualResetEventSlim())
            using (AgwClient client = Held(gateway, "166", go, 1000))
            {
                Task[] others = Others(gateway, "166", client);
                AgwTimeoutException why = Check.Throws<AgwTimeoutException>(
                    () => LifeTests.Wait(Queued(gateway, client)));
                Check.Contains(why.Detail, "was not sent");
                Check.That(!why.MaybeSent, "not sent");
                Check.Within(950, 5000, why.Elapsed, "elapsed"); // timers may be early by a tick
                go.Set();
                Finished(others);
            }
            Check.Same(before, gateway.Rejects(Late), "requests");
        }

        /// <summary>It has its turn in time then, but both that and its end are noticed late.</summary>
        [Test]
        private static void NorWhileTheThreadPoolIsBusy(Gateway gateway)
        {
            Turns turns = new Turns(1, 1000, 0);
            EndsUnbegun<AgwTimeoutException>(turns, () => Thread.Sleep(1500));
            Check.Same(2, turns.Run(token => 2, CancellationToken.None).Result, "its turn is free");
        }

        [Test]
        private static void QueuedAndCancelledIsNotSent(Gateway gateway)
        {
            int before = gateway.Rejects(Late);
            using (CancellationTokenSource source = new CancellationTokenSource())
            using (ManualResetEventSlim go = new ManualResetEventSlim())
            using (AgwClient client = Held(gateway, "168", go, 600000))
            {
                Task[] others = Others(gateway, "168", client);
                Task one = Queued(gateway, client, source.Token);
                Task other = Queued(gateway, client);
                source.Cancel();
                OperationCanceledException why = Check.Throws<OperationCanceledException>(
                    () => LifeTests.Wait(one));
                Check.Same(null, why.InnerException, "inner");
                Check.Same(source.Token, why.CancellationToken, "token");

                client.Cancel();
                Check.Contains(Check.Throws<AgwCancelledException>(
                    () => LifeTests.Wait(other)).Detail, "was not sent");

                other = Queued(gateway, client);
                Task disposal = Task.Run(() => client.Dispose());
                Check.Throws<AgwCancelledException>(() => LifeTests.Wait(other));
                go.Set();
                disposal.Wait();
                Finished(others);
            }
            Check.Same(before, gateway.Rejects(Late), "requests");
        }

        /// <summary>What was spent on waiting is not given back.</summary>
        [Test]
        private static void OneThatHadToWaitEndsAtItsDeadline(Gateway gateway)
        {
            using (ManualResetEventSlim go = new ManualResetEventSlim(true))
            using (AgwClient client = Held(gateway, "169", go, 4000, 500))
            {
                gateway.AnswerWith(Late, "\"delayMs\":20000");
                Task[] others = Others(gateway, "169", client);
                AgwTimeoutException why = Check.Throws<AgwTimeoutException>(
                    () => LifeTests.Wait(Queued(gateway, client)));
                Check.Contains(why.Detail, "had to wait for others");
                Check.That(why.MaybeSent, "sent");
                Finished(others);
            }
        }

        /// <summary>Polls have the same rule, with a time-out that is longer, and threads of their own.</summary>
        [Test]
        private static void APollQueuedAtItsDeadlineIsNotBegun(Gateway gateway)
        {
            using (ManualResetEventSlim go = new ManualResetEventSlim())
            {
                Turns turns = new Turns(1, 300, 128 * 1024);
                Task<int> first = turns.Run(token => Waited(go), CancellationToken.None);
                bool begun = false;
                AgwTimeoutException why = Check.Throws<AgwTimeoutException>(() => LifeTests.Wait(
                    turns.Run(token => begun = true, CancellationToken.None)));
                Check.Contains(why.Detail, "was not sent");
                Check.That(!begun, "it is begun");
                go.Set();
                Check.Same(1, first.Result, "the other");
                Check.Same(2, turns.Run(token => 2, CancellationToken.None).Result, "its turn is free");
            }
        }

        /// <summary>It may need any stack.</summary>
        [Test]
        private static void WhatAwaitsAPollDoesNotRunInItsThread(Gateway gateway)
        {
            foreach (int stack in new[] { 0, 128 * 1024 })
            {
                using (ManualResetEventSlim go = new ManualResetEventSlim())
                {
                    Turns turns = new Turns(1, 60000, stack);
                    Thread worker = null;
                    Task<int> call = turns.Run(token =>
                    {
                        worker = Thread.CurrentThread;
                        return Waited(go);
                    }, CancellationToken.None);
                    Task<Thread> next = call.ContinueWith(
                        task => Thread.CurrentThread, TaskContinuationOptions.ExecuteSynchronously);
                    go.Set();
                    Check.Same(stack == 0, next.Result == worker, "the call's own thread");
                }
            }
        }

        /// <summary>The turn comes first: the thread pool, which is to tell of the end, is busy.</summary>
        [Test]
        private static void NorOneThatIsStoppedMeanwhile(Gateway gateway)
        {
            Turns turns = new Turns(1, 60000, 0);
            EndsUnbegun<AgwCancelledException>(turns, turns.Stop);
        }

        /// <summary>A call behind another one, which ends while the thread pool is busy.</summary>
        private static void EndsUnbegun<T>(Turns turns, Action meanwhile)
            where T : Exception
        {
            using (ManualResetEventSlim go = new ManualResetEventSlim())
            {
                Task<int> first = turns.Run(token => Waited(go), CancellationToken.None);
                Task<bool> queued = null;
                bool begun = false;
                WithoutThreadPool(() =>
                {
                    queued = turns.Run(token => begun = true, CancellationToken.None);
                    go.Set();
                    Check.Same(1, first.Result, "the other");
                    meanwhile();
                });
                Check.Throws<T>(() => LifeTests.Wait(queued));
                Check.That(!begun, "it is begun");
            }
        }

        private static int Waited(ManualResetEventSlim go)
        {
            go.Wait(30000); // should a test fail
            return 1;
        }

        /// <summary>
        /// A client whose calls do not end before this is set: they log how they end, also that they are
        /// cancelled. The agent's are answered after that delay.
        /// </summary>
        private static AgwClient Held(
            Gateway gateway, string agent, ManualResetEventSlim go, int timeout, int delay = 600000)
        {
            AgwClientOptions options = gateway.Options();
            options.Timeout = TimeSpan.FromMilliseconds(timeout);
            options.LogLevel = AgwLogLevel.Info;
            options.Log = (sender, line) => go.Wait(30000); // should a test fail
            gateway.AnswerWith(agent, "\"delayMs\":" + delay + ",\"count\":64");
            return new AgwClient(options);
        }

        /// <summary>As many calls as there are threads.</summary>
        private static Task[] Others(Gateway gateway, string agent, AgwClient client)
        {
            return Enumerable.Range(0, Turns.MostCalls).Select(
                number => (Task)client.RejectAgentConfAsync(agent, gateway.Guid(agent))).ToArray();
        }

        private static Task Queued(
            Gateway gateway, AgwClient client, CancellationToken token = default(CancellationToken))
        {
            return client.RejectAgentConfAsync(Late, gateway.Guid(Late), token);
        }

        private static void Finished(Task[] others)
        {
            foreach (Task other in others)
            {
                Check.That(LifeTests.Refusal(other) is AgwException, "it fails");
            }
        }

        private static void WithoutThreadPool(Action action)
        {
            int workers, ports, begun = 0;
            ThreadPool.GetMaxThreads(out workers, out ports);
            Check.That(ThreadPool.SetMaxThreads(Environment.ProcessorCount, ports), "fewer threads");
            using (ManualResetEventSlim end = new ManualResetEventSlim())
            {
                Task[] busy = Enumerable.Range(0, 500).Select(number => Task.Run(() =>
                {
                    Interlocked.Increment(ref begun);
                    end.Wait();
                })).ToArray();
                action();
                Check.That(begun < busy.Length, "the thread pool is busy");
                end.Set();
                Task.WaitAll(busy);
            }
            ThreadPool.SetMaxThreads(workers, ports);
        }
    }
}
