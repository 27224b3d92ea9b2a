// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using System.Threading;

namespace Agw.Tests
{
    /// <summary>The simulator that tests/csharp.sh started, known by what it printed.</summary>
    internal sealed class Gateway
    {
        private readonly Dictionary<string, string> guids = new Dictionary<string, string>();

        internal Gateway(string outputFile)
        {
            string output = File.ReadAllText(outputFile);
            foreach (Match match in Regex.Matches(output, @"agent=(\d+) guid=(\S+)"))
            {
                guids[match.Groups[1].Value] = match.Groups[2].Value;
            }
            Match ready = Regex.Match(output, @"^ready url=(\S+) ca=(.+) pin=", RegexOptions.Multiline);
            Url = ready.Groups[1].Value;
            Ca = ready.Groups[2].Value;
            // The control path only: what agw does about certificates is tested through agw.
            ServicePointManager.ServerCertificateValidationCallback = delegate { return true; };
            ServicePointManager.DefaultConnectionLimit = 64;
        }

        internal string Url { get; }

        internal string Ca { get; }

        internal string Guid(string agent)
        {
            return guids[agent];
        }

        internal AgwClientOptions Options()
        {
            return new AgwClientOptions { BaseUrl = Url, Trust = AgwTrust.Ca, Ca = Ca };
        }

        internal AgwClient Client()
        {
            return new AgwClient(Options());
        }

        internal void Ring(string agent)
        {
            Post("ring", "{\"agentId\":\"" + agent + "\",\"members\":[\"155\"]}");
        }

        /// <summary>The rest of the JSON object, such as "delayMs":500.</summary>
        internal void AnswerWith(string agent, string rest)
        {
            Post("answer-with", "{\"agentId\":\"" + agent + "\"," + rest + "}");
        }

        internal void Expire(string agent)
        {
            Post("expire", "{\"agentId\":\"" + agent + "\"}");
        }

        /// <summary>How many rejects have been seen of an agent.</summary>
        internal int Rejects(string agent)
        {
            using (WebClient web = new WebClient())
            {
                string records = web.DownloadString(Url + "/simulator/requests");
                return Regex.Matches(records, "\"agentId\":\"" + agent + "\"").Count;
            }
        }

        /// <summary>Signs in, whoever is signed in already.</summary>
        internal void SignIn(AgwClient client, string agent)
        {
            client.SignIn(new AgwSignIn { AgentId = agent, Phone = "40038", Force = true });
        }

        /// <summary>Until as many polls wait for an event, of agents whose IDs begin with this.</summary>
        internal void WaitForPolls(string agents, int count = 1)
        {
            int seen = 0;
            bool waits = SpinWait.SpinUntil(() =>
            {
                Thread.Sleep(20);
                seen = Polls(agents);
                return seen >= count;
            }, 30000 * Program.Slack);
            Check.That(waits, seen + " polls instead of " + count);
        }

        private int Polls(string agents)
        {
            using (WebClient web = new WebClient())
            {
                string all = web.DownloadString(Url + "/simulator/agents");
                return Regex.Matches(all, "{[^}]*}").Cast<Match>().Count(agent =>
                    agent.Value.Contains("\"agentId\":\"" + agents)
                    && agent.Value.Contains("\"polling\":true"));
            }
        }

        private void Post(string action, string body)
        {
            using (WebClient web = new WebClient())
            {
                web.UploadData(Url + "/simulator/" + action, Encoding.UTF8.GetBytes(body));
            }
        }
    }
}
