// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace Agw.Tests
{
    /// <summary>Waiting for events: what comes, what ends it, and what it leaves alone.</summary>
    internal static class EventTests
    {
        private const string Nothing = "{\"retcode\":\"0\"}";

        [Test]
        private static void EventsInAllShapes(Gateway gateway)
        {
            using (Scripted scripted = new Scripted(
                Event("\"workNo\":308,\"content\":{\"confId\":7},\"eventGenTime\":1700000000123"),
                Event("\"content\":null,\"eventGenTime\":9223372036854775807"),
                Event("\"content\":\"" + new string('座', 2000) + "\",\"eventGenTime\":-1"),
                Nothing))
            using (AgwClient client = scripted.Client())
            {
                client.SetSession("308", "guid");
                AgwEvent happened = client.NextEvent("308");
                Check.Same("X", happened.Type, "type");
                Check.Same("308", happened.WorkNo, "agent");
                Check.Same((long?)7, happened.ConfId, "conference");
                Check.Same("{\"confId\":7}", happened.Content, "content");
                Check.Same("X agent 308 {\"confId\":7}", happened.ToString(), "text");
                DateTime time = new DateTime(2023, 11, 14, 22, 13, 20, 123, DateTimeKind.Utc);
                Check.Same((DateTime?)time, happened.Generated, "time");
                Check.Same(DateTimeKind.Utc, happened.Generated.Value.Kind, "UTC");
                Check.That(!happened.Truncated, "whole");

                happened = client.NextEvent("308");
                Check.Same("", happened.Content + happened.WorkNo, "no content");
                Check.That(happened.ConfId == null && happened.Generated == null, "no numbers");

                happened = client.NextEvent("308");
                Check.That(happened.Truncated, "cut");
                Check.Contains(happened.Content, "\"座座");
                Check.Same(new DateTime(1969, 12, 31, 23, 59, 59, 999), happened.Generated.Value, "time");

                Check.Same(null, client.NextEvent("308"), "nothing happened");
            }
        }

        /// <summary>What is before the year 1 or behind 9999 is no time, and takes no event away.</summary>
        [Test]
        private static void TimesAtTheEdgesOfWhatDotNetCanTell(Gateway gateway)
        {
            long[] times = { -62135596800001, -62135596800000, 253402300799999, 253402300800000 };
            string[] answers = times.Select(time => Event("\"eventGenTime\":" + time)).ToArray();
            using (Scripted scripted = new Scripted(answers))
            using (AgwClient client = scripted.Client())
            {
                client.SetSession("308", "guid");
                DateTime?[] told = times.Select(time => client.NextEvent("308").Generated).ToArray();
                Check.Same(null, told[0], "before the first");
                Check.Same((DateTime?)DateTime.MinValue, told[1], "the first");
                DateTime last = new DateTime(9999, 12, 31, 23, 59, 59, 999);
                Check.Same((DateTime?)last, told[2], "the last");
                Check.Same(null, told[3], "behind the last");
            }
        }

        /// <summary>Two answers that are no events, then one, then the end of the session.</summary>
        [Test]
        private static void EventsGoOnAfterAFailure(Gateway gateway)
        {
            using (Scripted scripted = new Scripted("503 Busy", "{\"retcode\":\"105-001\"}", Nothing,
                Event("\"workNo\":\"309\""), "{\"retcode\":\"100-006\"}"))
            using (AgwClient client = scripted.Client())
            {
                client.SetSession("309", "guid");
                List<AgwEvent> seen = new List<AgwEvent>();
                Stopwatch watch = Stopwatch.StartNew();
                AgwException why = Check.Throws<AgwSessionException>(() =>
                {
                    foreach (AgwEvent happened in client.Events("309"))
                    {
                        seen.Add(happened);
                    }
                });
                Check.Same("100-006", why.Retcode, "the end");
                Check.Same("309", seen.Single().WorkNo, "the event");
                Check.Same(5, scripted.Requests.Count, "requests");
                Check.Within(2000, 60000, watch.Elapsed, "a second after each failure");
            }
        }

        [Test]
        private static void EventsEndOnWhatTheCallerHasToMend(Gateway gateway)
        {
            using (AgwClient client = gateway.Client())
            {
                Check.Throws<AgwSessionException>(() => First(client, "310"));
                Check.Throws<AgwInvalidAgentIdException>(() => First(client, "31o"));
                Check.Throws<AgwInvalidArgumentException>(() => First(client, null));
                client.Dispose();
                Check.Throws<ObjectDisposedException>(() => First(client, "310"));
            }
        }

        /// <summary>The simulator answers a poll so when there is a newer one.</summary>
        [Test]
        private static void NothingHappened(Gateway gateway)
        {
            using (AgwClient client = gateway.Client())
            using (AgwClient other = gateway.Client())
            {
                gateway.SignIn(client, "311");
                Task<AgwEvent> waiting = client.NextEventAsync("311");
                gateway.WaitForPolls("311");
                other.SetSession("311", client.GetSession("311").Guid);
                Task<AgwEvent> newer = other.NextEventAsync("311");
                Check.Same(null, waiting.Result, "nothing happened");
                other.Dispose();
                Check.Throws<AgwCancelledException>(() => LifeTests.Wait(newer));
            }
        }

        [Test]
        private static void OnePollAtATime(Gateway gateway)
        {
            using (AgwClient client = gateway.Client())
            {
                gateway.SignIn(client, "312");
                Task<AgwEvent> waiting = client.NextEventAsync("312");
                gateway.WaitForPolls("312");
                AgwPollingException why = Check.Throws<AgwPollingException>(
                    () => client.NextEvent("312"));
                Check.Same(AgwStatus.Polling, why.Status, "status");
                Check.That(!why.MaybeSent, "not sent");
                Check.Throws<AgwPollingException>(() => First(client, "312"));
                gateway.Ring("312");
                Check.Same(AgwEvent.ConfRinging, waiting.Result.Type, "the poll goes on");
            }
        }

        [Test]
        private static void TokenEndsAPollAndNoOtherCall(Gateway gateway)
        {
            using (CancellationTokenSource source = new CancellationTokenSource())
            using (AgwClient client = gateway.Client())
            {
                gateway.SignIn(client, "3131");
                gateway.SignIn(client, "3132");
                gateway.SignIn(client, "3133");
                Task<AgwEvent> bystander = client.NextEventAsync("3131");
                Task<AgwEvent> waiting = client.NextEventAsync("3132", source.Token);
                Task iterated = Task.Factory.StartNew(
                    () => First(client, "3133", source.Token), TaskCreationOptions.LongRunning);
                gateway.WaitForPolls("313", 3);
                source.Cancel();
                foreach (Task ended in new[] { waiting, iterated })
                {
                    OperationCanceledException why = Check.Throws<OperationCanceledException>(
                        () => LifeTests.Wait(ended));
                    Check.Same(source.Token, why.CancellationToken, "token");
                    Check.That(((AgwCancelledException)why.InnerException).MaybeSent, "maybe sent");
                }
                Check.Throws<OperationCanceledException>(() => client.NextEvent("3133", source.Token));
                Check.That(!bystander.IsCompleted, "the other goes on");
                gateway.Ring("3131");
                Check.Same(AgwEvent.ConfRinging, bystander.Result.Type, "and has its event");
                Check.Same("0", client.RejectAgentConf("3131").Retcode, "and its reject");
            }
        }

        [Test]
        private static void DisposeAndCancelEndPolls(Gateway gateway)
        {
            foreach (Action<AgwClient> end in new Action<AgwClient>[]
            {
                client => client.Dispose(), client => client.Cancel(), client => client.SignOut("3142"),
            })
            {
                using (AgwClient client = gateway.Client())
                {
                    gateway.SignIn(client, "3141");
                    gateway.SignIn(client, "3142");
                    Task waiting = client.NextEventAsync("3141");
                    Task iterated = Task.Factory.StartNew(
                        () => First(client, "3142"), TaskCreationOptions.LongRunning);
                    gateway.WaitForPolls("314", 2);
                    end(client);
                    Check.Throws<AgwCancelledException>(() => LifeTests.Wait(iterated));
                    client.Dispose();
                    Check.Throws<AgwCancelledException>(() => LifeTests.Wait(waiting));
                }
            }
        }

        /// <summary>
        /// Nobody listens, so it is in the pause that follows. It is seen there if not the next poll says
        /// so: that would throw ObjectDisposedException, or have an InnerException.
        /// </summary>
        [Test]
        private static void APauseEndsAtOnce(Gateway gateway)
        {
            using (CancellationTokenSource source = new CancellationTokenSource())
            {
                Exception why = InAPause(gateway, source.Token, client => source.Cancel());
                Check.Same(typeof(OperationCanceledException), why.GetType(), "by the token: " + why);
                Check.Same(null, why.InnerException, "by the token");
                Check.Same(source.Token, ((OperationCanceledException)why).CancellationToken, "token");
            }
            foreach (Action<AgwClient> end in new Action<AgwClient>[]
            {
                client => client.Cancel(), client => client.Dispose(),
            })
            {
                Exception why = InAPause(gateway, CancellationToken.None, end);
                Check.Same(typeof(AgwCancelledException), why.GetType(), "by the client: " + why);
            }
        }

        private static Exception InAPause(
            Gateway gateway, CancellationToken token, Action<AgwClient> end)
        {
            using (ManualResetEventSlim failed = new ManualResetEventSlim())
            {
                AgwClientOptions options = gateway.Options();
                options.BaseUrl = "https://127.0.0.1:9";
                options.Log = (sender, line) => failed.Set();
                using (AgwClient client = new AgwClient(options))
                {
                    client.SetSession("315", "guid");
                    Task iterated = Task.Factory.StartNew(
                        () => First(client, "315", token), TaskCreationOptions.LongRunning);
                    failed.Wait();
                    end(client);
                    return LifeTests.Refusal(iterated);
                }
            }
        }

        /// <summary>More polls than there are threads for other calls: no reject waits for one.</summary>
        [Test]
        private static void TwoHundredPollsBesideQuickRejects(Gateway gateway)
        {
            string[] agents = Enumerable.Range(4100, 200).Select(number => number.ToString()).ToArray();
            AgwClientOptions options = gateway.Options();
            options.Timeout = TimeSpan.FromMinutes(1);
            Task<AgwEvent>[] polls;
            using (AgwClient client = new AgwClient(options))
            {
                LifeTests.InThreads(number =>
                {
                    foreach (string agent in agents.Where((one, index) => index % 16 == number))
                    {
                        gateway.SignIn(client, agent);
                    }
                });
                polls = agents.Select(agent => client.NextEventAsync(agent)).ToArray();
                gateway.WaitForPolls("4", agents.Length);
                for (int one = 0; one < 20; one++)
                {
                    gateway.Ring(agents[one]);
                    Check.Same(AgwEvent.ConfRinging, polls[one].Result.Type, "it rings");
                    Check.Same("0", client.RejectAgentConfAsync(agents[one]).Result.Retcode, "rejected");
                }
                Check.Same(180, polls.Count(poll => !poll.IsCompleted), "they wait");
            }
            foreach (Task<AgwEvent> poll in polls.Skip(20))
            {
                Check.Throws<AgwCancelledException>(() => LifeTests.Wait(poll));
            }
        }

        private static string Event(string members)
        {
            return "{\"retcode\":\"0\",\"event\":{\"eventType\":\"X\"," + members + "}}";
        }

        private static AgwEvent First(
            AgwClient client, string agent, CancellationToken token = default(CancellationToken))
        {
            return client.Events(agent, token).First();
        }
    }
}
