// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Collections.Concurrent;
using System.Linq;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;

namespace Agw.Tests
{
    /// <summary>Log handlers, and the garbage collector at work meanwhile.</summary>
    internal static class LogTests
    {
        [Test]
        private static void LinesArrive(Gateway gateway)
        {
            ConcurrentQueue<string> lines = new ConcurrentQueue<string>();
            AgwClientOptions options = Verbose(gateway, (sender, line) => lines.Enqueue(line.Message));
            string guid = gateway.Guid("164");
            using (AgwClient client = new AgwClient(options))
            {
                object seen = null;
                client.Log += (sender, line) => seen = sender;
                Check.Throws<AgwNoConferenceException>(() => client.RejectAgentConf("164", guid));
                Check.Same<object>(client, seen, "sender");
            }
            string all = string.Join("\n", lines);
            Check.Contains(all, "rejectAgentConf agent 164");
            Check.Contains(all, "101-001");
            Check.That(!all.Contains(guid), "the Guid shows");
        }

        [Test]
        private static void LinesOfTheMaking(Gateway gateway)
        {
            AgwLogLevel level = AgwLogLevel.Default;
            AgwClientOptions options = new AgwClientOptions
            {
                BaseUrl = gateway.Url,
                Trust = AgwTrust.DangerAny,
                Log = (sender, line) => level = line.Level,
            };
            new AgwClient(options).Dispose();
            Check.Same(AgwLogLevel.Warn, level, "the warning");
        }

        [Test]
        private static void WhatHandlersThrowStays(Gateway gateway)
        {
            int calls = 0;
            AgwClientOptions options = Verbose(gateway, (sender, line) =>
            {
                throw new InvalidOperationException("thrown by a handler");
            });
            using (AgwClient client = new AgwClient(options))
            {
                client.Log += (sender, line) => calls++;
                gateway.Ring("164");
                Check.Same("0", client.RejectAgentConf("164", gateway.Guid("164")).Retcode, "retcode");
                Check.That(calls > 0, "the other handler is called");
            }
        }

        [Test]
        private static void CallsInsideHandlersAreRefused(Gateway gateway)
        {
            AgwException why = null;
            AgwException cancel = null;
            using (AgwClient client = new AgwClient(Verbose(gateway, null)))
            {
                client.Log += (sender, line) =>
                {
                    why = why ?? Check.Throws<AgwReentrantException>(() => client.Connect());
                    cancel = cancel ?? Check.Throws<AgwReentrantException>(() => client.Cancel());
                };
                client.Connect();
            }
            Check.That(why != null && cancel != null, "both are refused");
        }

        [Test]
        private static void DisposeInsideAHandler(Gateway gateway)
        {
            AgwClient client = new AgwClient(Verbose(gateway, null));
            int lines = 0;
            client.Log += (sender, line) =>
            {
                lines++;
                client.Dispose();
            };
            gateway.AnswerWith("164", "\"delayMs\":5000");
            AgwException why = Check.Throws<AgwCancelledException>(
                () => client.RejectAgentConf("164", gateway.Guid("164")));
            Check.Within(0, 3000, why.Elapsed, "ended soon");
            Check.That(lines > 0, "called");
            Check.Throws<ObjectDisposedException>(() => client.Connect());
        }

        [Test]
        private static void DisposeWaitsForAHandlerInAnotherThread(Gateway gateway)
        {
            bool inside = false;
            using (ManualResetEventSlim begun = new ManualResetEventSlim())
            {
                AgwClient client = new AgwClient(Verbose(gateway, (sender, line) =>
                {
                    Volatile.Write(ref inside, true);
                    begun.Set();
                    Thread.Sleep(300);
                    Volatile.Write(ref inside, false);
                }));
                Task call = client.RejectAgentConfAsync("164", gateway.Guid("164"));
                begun.Wait();
                client.Dispose();
                Check.That(!Volatile.Read(ref inside), "a handler outlives Dispose");
                Check.That(LifeTests.Refusal(call) is AgwException, "it fails");
            }
        }

        /// <summary>As ASP.NET on .NET Framework ends a request that takes long.</summary>
        [Test]
        private static void AThreadThatIsAbortedInACall(Gateway gateway)
        {
            if (Type.GetType("Mono.Runtime") == null)
            {
                Check.Throws<PlatformNotSupportedException>(() => Thread.CurrentThread.Abort());
                return;
            }
            Aborted(gateway, (caller, logged) => logged.Set(), caller => caller.Abort());
            Aborted(gateway, (caller, logged) => Linger(logged), caller => caller.Abort());
            Aborted(gateway, (caller, logged) => { logged.Set(); caller.Abort(); }, caller => { });
        }

        private static void Aborted(
            Gateway gateway, Action<Thread, ManualResetEventSlim> handler, Action<Thread> end)
        {
            gateway.AnswerWith("164", "\"delayMs\":1000");
            object outcome = null;
            int lines = 0;
            using (ManualResetEventSlim logged = new ManualResetEventSlim())
            {
                AgwClient client = new AgwClient(Verbose(gateway, (sender, line) =>
                {
                    if (Interlocked.Increment(ref lines) == 1)
                    {
                        handler(Thread.CurrentThread, logged);
                    }
                }));
                Thread caller = new Thread(() =>
                {
                    try
                    {
                        client.RejectAgentConf("164", gateway.Guid("164"));
                    }
                    catch (ThreadAbortException why)
                    {
                        outcome = why;
                    }
                });
                caller.Start();
                logged.Wait();
                end(caller);
                caller.Join();
                Check.That(outcome is ThreadAbortException, "the thread is aborted behind the call");
                Check.Same(2, lines, "lines of a call that ends");
                client.Connect();
                Thread closer = new Thread(client.Dispose) { IsBackground = true };
                closer.Start();
                Check.That(closer.Join(10000), "no handler is left that Dispose would wait for");
            }
        }

        private static void Linger(ManualResetEventSlim logged)
        {
            logged.Set();
            Thread.Sleep(500);
        }

        [Test]
        private static void TokenCancelledInsideAHandler(Gateway gateway)
        {
            using (CancellationTokenSource source = new CancellationTokenSource())
            using (AgwClient client = new AgwClient(Verbose(gateway, null)))
            {
                client.Log += (sender, line) => source.Cancel();
                gateway.AnswerWith("164", "\"delayMs\":5000");
                Task call = client.RejectAgentConfAsync("164", gateway.Guid("164"), source.Token);
                Check.Throws<OperationCanceledException>(() => LifeTests.Wait(call));
            }
        }

        [Test]
        private static void GarbageCollectorAtWork(Gateway gateway)
        {
            int lines = 0;
            bool done = false;
            Thread collector = new Thread(() => CollectUntil(ref done));
            collector.Start();
            try
            {
                LifeTests.InThreads(number => Stress(gateway, (201 + number).ToString(), ref lines));
            }
            finally
            {
                Volatile.Write(ref done, true);
                collector.Join();
            }
            Check.That(lines > 16 * 5, "lines: " + lines);
        }

        /// <summary>Mono would call a collected one without complaint; .NET would not.</summary>
        [Test]
        private static void TheDelegateOfNativeCodeIsHeld(Gateway gateway)
        {
            FieldInfo[] fields = typeof(ClientHandle).GetFields(
                BindingFlags.Static | BindingFlags.NonPublic);
            Delegate held = (Delegate)fields.Single(
                field => field.IsInitOnly && field.FieldType == typeof(NativeLog)).GetValue(null);
            object passed = fields.Single(field => field.FieldType == typeof(IntPtr)).GetValue(null);
            Check.Same(Marshal.GetFunctionPointerForDelegate(held), (IntPtr)passed, "what is passed");
        }

        /// <summary>A client whose handler nobody else holds, and one that is never disposed.</summary>
        private static void Stress(Gateway gateway, string agent, ref int lines)
        {
            int[] seen = new int[1];
            using (AgwClient client = new AgwClient(Verbose(gateway, (sender, line) => Count(seen, line))))
            {
                LifeTests.Rounds(gateway, client, agent);
            }
            int after = seen[0];
            new AgwClient(Verbose(gateway, (sender, line) => Count(seen, line))).Connect();
            Check.That(seen[0] > after, "the second client logs");
            Interlocked.Add(ref lines, seen[0]);
        }

        private static void Count(int[] seen, AgwLogEventArgs line)
        {
            Check.That(line.Message.Length > 0 && line.Level >= AgwLogLevel.Error, "a line");
            string[] garbage = Enumerable.Range(0, 20).Select(number => line.Message + number).ToArray();
            seen[0] += garbage.Length / 20;
        }

        private static void CollectUntil(ref bool done)
        {
            while (!Volatile.Read(ref done))
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                Thread.Sleep(1);
            }
        }

        private static AgwClientOptions Verbose(Gateway gateway, EventHandler<AgwLogEventArgs> log)
        {
            AgwClientOptions options = gateway.Options();
            options.Log = log;
            options.LogLevel = AgwLogLevel.Debug;
            return options;
        }
    }
}
