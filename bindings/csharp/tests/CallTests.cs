// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Diagnostics;
using System.IO;
using System.Text.RegularExpressions;

namespace Agw.Tests
{
    /// <summary>One call at a time: what comes back.</summary>
    internal static class CallTests
    {
        private const string Chinese = "座席 154 无会议振铃，太晚了 ☎ 𝄞";

        [Test]
        private static void Accepted(Gateway gateway)
        {
            using (AgwClient client = gateway.Client())
            {
                gateway.Ring("154");
                AgwAnswer answer = client.RejectAgentConf("154", gateway.Guid("154"));
                Check.Same("0", answer.Retcode, "retcode");
                Check.Same("success", answer.Message, "message");
                Check.Same(200, answer.HttpStatus, "HTTP status");
                Check.Within(0.001, 5000, answer.Elapsed, "elapsed");
                Check.That(!answer.Resent && !answer.Truncated, "flags");
            }
        }

        [Test]
        private static void TooLate(Gateway gateway)
        {
            using (AgwClient client = gateway.Client())
            {
                Check.Contains(client.Connect(), "TLS 1.");
                Check.Contains(client.ConnectAsync().Result, "fingerprint");
                AgwNoConferenceException why = Check.Throws<AgwNoConferenceException>(
                    () => client.RejectAgentConf("156", gateway.Guid("156")));
                Check.Same(AgwStatus.NoConference, why.Status, "status");
                Check.Same("101-001", why.Retcode, "retcode");
                Check.Same(200, why.HttpStatus, "HTTP status");
                Check.That(!why.MaybeSent && !why.Resent && why.CtiCode == 0, "flags");
                Check.Contains(why.Message, "302");
                Check.Contains(why.Message, "101-001");
            }
        }

        [Test]
        private static void StaleGuid(Gateway gateway)
        {
            using (AgwClient client = gateway.Client())
            {
                gateway.Expire("157");
                string guid = gateway.Guid("157");
                AgwGatewayException why = Check.Throws<AgwSessionException>(
                    () => client.RejectAgentConf("157", guid));
                Check.Same("100-006", why.Retcode, "retcode");
                Check.That(!why.ToString().Contains(guid), "the Guid shows");
            }
        }

        [Test]
        private static void RefusedCertificateThenPin(Gateway gateway)
        {
            AgwClientOptions options = new AgwClientOptions { BaseUrl = gateway.Url };
            AgwTlsException why;
            using (AgwClient client = new AgwClient(options))
            {
                why = Check.Throws<AgwTlsException>(
                    () => client.RejectAgentConf("158", gateway.Guid("158")));
            }
            Match pin = Regex.Match(why.Detail, "([0-9A-F]{2}:){31}[0-9A-F]{2}");
            Check.That(pin.Success, "no fingerprint in " + why.Detail);
            Check.Same(0, gateway.Rejects("158"), "requests to a gateway that is not trusted");
            options.Trust = AgwTrust.Pin;
            options.PinSha256 = pin.Value;
            using (AgwClient client = new AgwClient(options))
            {
                gateway.Ring("158");
                client.RejectAgentConf("158", gateway.Guid("158"));
            }
        }

        [Test]
        private static void TimeoutOnTime(Gateway gateway)
        {
            AgwClientOptions options = gateway.Options();
            options.Timeout = TimeSpan.FromMilliseconds(499.1);
            using (AgwClient client = new AgwClient(options))
            {
                gateway.AnswerWith("159", "\"delayMs\":3000");
                Stopwatch watch = Stopwatch.StartNew();
                AgwTimeoutException why = Check.Throws<AgwTimeoutException>(
                    () => client.RejectAgentConf("159", gateway.Guid("159")));
                Check.Within(500, 2500, watch.Elapsed, "by the clock");
                Check.Within(500, 2500, why.Elapsed, "by the library");
                Check.That(why.MaybeSent, "it was sent");
            }
        }

        [Test]
        private static void PlatformsOwnCode(Gateway gateway)
        {
            using (AgwClient client = gateway.Client())
            {
                gateway.AnswerWith("156", "\"retcode\":\"100-007\",\"message\":\"Unknown ERROR._40302\"");
                AgwGatewayFaultException why = Check.Throws<AgwGatewayFaultException>(
                    () => client.RejectAgentConf("156", gateway.Guid("156")));
                Check.Same(40302, why.CtiCode, "CTI code");
                gateway.AnswerWith("156", "\"httpStatus\":502");
                Check.Same(502, Check.Throws<AgwHttpException>(
                    () => client.RejectAgentConf("156", gateway.Guid("156"))).HttpStatus, "HTTP");
            }
        }

        [Test]
        private static void ChineseOut(Gateway gateway)
        {
            using (AgwClient client = gateway.Client())
            {
                gateway.AnswerWith("156", "\"retcode\":\"105-001\",\"message\":\"" + Chinese + "\"");
                AgwGatewayBusyException why = Check.Throws<AgwGatewayBusyException>(
                    () => client.RejectAgentConf("156", gateway.Guid("156")));
                Check.Same(Chinese, why.GatewayMessage, "message");
                Check.Contains(why.Message, Chinese);
            }
        }

        [Test]
        private static void LongMessageIsCutBetweenCharacters(Gateway gateway)
        {
            using (AgwClient client = gateway.Client())
            {
                string text = new string('座', 400);
                gateway.AnswerWith("156", "\"retcode\":\"000-002\",\"message\":\"" + text + "\"");
                AgwBadRequestException why = Check.Throws<AgwBadRequestException>(
                    () => client.RejectAgentConf("156", gateway.Guid("156")));
                Check.That(why.Truncated && why.GatewayMessage.Length > 150, "cut");
                Check.That(text.StartsWith(why.GatewayMessage, StringComparison.Ordinal), "in between");
            }
        }

        [Test]
        private static void ChinesePathIn(Gateway gateway)
        {
            string folder = Path.Combine(Path.GetTempPath(), "agw-Zürich-证书-" + Guid.NewGuid());
            Directory.CreateDirectory(folder);
            try
            {
                AgwClientOptions options = gateway.Options();
                options.Ca = Path.Combine(folder, "根证书.pem");
                AgwTlsConfigException why = Check.Throws<AgwTlsConfigException>(() => new AgwClient(options));
                Check.Contains(why.Detail, "ca");
                File.Copy(gateway.Ca, options.Ca);
                new AgwClient(options).Dispose();
                options.Ca = File.ReadAllText(gateway.Ca);
                using (AgwClient client = new AgwClient(options))
                {
                    client.Connect();
                }
            }
            finally
            {
                Directory.Delete(folder, true);
            }
        }

        [Test]
        private static void NothingListens(Gateway gateway)
        {
            AgwClientOptions options = gateway.Options();
            options.BaseUrl = "https://127.0.0.1:9";
            using (AgwClient client = new AgwClient(options))
            {
                AgwNetworkException why = Check.Throws<AgwConnectException>(() => client.Connect());
                Check.That(why.OsError != 0 && why.HttpStatus == 0 && !why.MaybeSent, "fields");
            }
        }
    }
}
