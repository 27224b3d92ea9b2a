// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace Agw.Tests
{
    /// <summary>Signing in and out, and what a client keeps for its agents.</summary>
    internal static class SessionTests
    {
        [Test]
        private static void AWholeShift(Gateway gateway)
        {
            using (AgwClient client = gateway.Client())
            {
                AgwSignIn signIn = new AgwSignIn { AgentId = "301", Phone = "40038", Password = "word" };
                Check.Same("0", client.SignIn(signIn).Retcode, "sign-in");
                Check.Same("100-002", Check.Throws<AgwGatewayException>(
                    () => client.SignIn(signIn)).Retcode, "twice");
                gateway.Ring("301");
                List<string> seen = new List<string>();
                foreach (AgwEvent happened in client.Events("301"))
                {
                    seen.Add(happened.Type);
                    Check.Same("301", happened.WorkNo, "agent");
                    if (happened.Type == AgwEvent.ConfRinging)
                    {
                        Check.That(happened.ConfId > 1000000, "conference");
                        Check.Contains(happened.Content, "\"confId\":" + happened.ConfId);
                        Check.Same("0", client.RejectAgentConf("301").Retcode, "reject");
                    }
                    if (happened.Type == AgwEvent.Ready)
                    {
                        Check.Same("", happened.Content, "content");
                        Check.Same(null, happened.ConfId, "no conference");
                        break;
                    }
                }
                Check.Same("AgentConf_Ringing AgentOther_PhoneRelease AgentState_Ready",
                    string.Join(" ", seen), "what happened");
                Check.Same("0", client.SignOut("301").Retcode, "sign-out");
                Check.Same(0, Check.Throws<AgwSessionException>(
                    () => client.RejectAgentConf("301")).HttpStatus, "nothing is sent");
                Check.Throws<AgwSessionException>(() => client.SignOut("301"));
                Check.Throws<AgwSessionException>(() => client.NextEvent("301"));
            }
        }

        [Test]
        private static void AWholeShiftAwaited(Gateway gateway)
        {
            LifeTests.Wait(Shift(gateway));
        }

        private static async Task Shift(Gateway gateway)
        {
            using (AgwClient client = gateway.Client())
            {
                AgwSignIn signIn = new AgwSignIn { Phone = "40038", Force = true };
                for (int round = 0; round < 20; round++)
                {
                    signIn.AgentId = "302";
                    Task<AgwAnswer> signedIn = client.SignInAsync(signIn);
                    signIn.AgentId = "what was asked is copied";
                    await signedIn;
                }
                gateway.Ring("302");
                Check.Same(AgwEvent.ConfRinging, (await client.NextEventAsync("302")).Type, "rings");
                await client.RejectAgentConfAsync("302");
                Check.Same(AgwEvent.PhoneRelease, (await client.NextEventAsync("302")).Type, "released");
                Check.Same(AgwEvent.Ready, (await client.NextEventAsync("302")).Type, "ready");
                Task<AgwEvent> waiting = client.NextEventAsync("302");
                gateway.WaitForPolls("302");
                await client.SignOutAsync("302");
                Check.Throws<AgwCancelledException>(() => LifeTests.Wait(waiting));
                Check.Throws<AgwSessionException>(() => LifeTests.Wait(client.NextEventAsync("302")));
                Check.Throws<ArgumentNullException>(() => LifeTests.Wait(client.SignInAsync(null)));
            }
        }

        /// <summary>A host that signs in by itself, here by another client.</summary>
        [Test]
        private static void ASessionIsHandedOver(Gateway gateway)
        {
            using (AgwClient client = gateway.Client())
            using (AgwClient other = gateway.Client())
            {
                Check.Throws<AgwSessionException>(() => other.GetSession("303"));
                gateway.SignIn(client, "303");
                AgwSession kept = client.GetSession("303");
                Check.Same("", kept.Cookie, "cookies");
                other.SetSession("303", "JSESSIONID=" + kept.Guid + "; Path=/", "NODE=a;  B=b");
                Check.Same(kept.Guid, other.GetSession("303").Guid, "Guid");
                Check.Same("NODE=a; B=b", other.GetSession("303").Cookie, "cookies");
                other.SetSession("303", kept.Guid);
                Check.Same("NODE=a; B=b", other.GetSession("303").Cookie, "they stay");
                gateway.Ring("303");
                Check.Same("0", other.RejectAgentConf("303").Retcode, "reject");
                other.SetSession("303", kept.Guid, "");
                Check.Same("", other.GetSession("303").Cookie, "they are dropped");
                other.SetSession("303", null);
                Check.Throws<AgwSessionException>(() => other.RejectAgentConf("303"));
                Check.Throws<AgwInvalidGuidException>(() => other.SetSession("303", "座席"));
                Check.Throws<AgwInvalidAgentIdException>(() => other.SetSession("3o3", kept.Guid));
                Check.Contains(Check.Throws<AgwInvalidArgumentException>(
                    () => other.SetSession("303", kept.Guid, "a")).Detail, "cookie");
            }
        }

        /// <summary>
        /// The Guid is refused as stale while a newer one is kept: the call goes out once more, and its
        /// caller sees nothing of it.
        /// </summary>
        [Test]
        private static void AStaleGuidIsRenewedUnseen(Gateway gateway)
        {
            string refusal = "{\"retcode\":\"100-006\"}";
            using (Scripted scripted = new Scripted(refusal, "{\"retcode\":\"0\"}", refusal))
            using (AgwClient client = scripted.Client())
            {
                client.SetSession("304", "stale");
                scripted.Go.Reset();
                Task<AgwAnswer> call = client.RejectAgentConfAsync("304");
                Check.That(SpinWait.SpinUntil(() => scripted.Requests.Count == 1, 10000), "it arrives");
                client.SetSession("304", "newest");
                scripted.Go.Set();
                Check.Same("0", call.Result.Retcode, "retcode");
                Check.That(!call.Result.Resent, "resent");
                Check.Same("100-006", Check.Throws<AgwSessionException>(
                    () => client.RejectAgentConf("304")).Retcode, "without a newer one");
                Check.Same("stale newest newest", string.Join(" ", scripted.Requests.Select(
                    request => request.Substring(request.LastIndexOf(' ') + 1))), "Guids");
            }
        }

        [Test]
        private static void WhatASignInSays(Gateway gateway)
        {
            using (Scripted scripted = new Scripted(
                "Set-GUID: JSESSIONID=a.b\r\nSet-Cookie: NODE=c\r\n{\"retcode\":\"0\"}",
                "{\"retcode\":\"0\"}"))
            using (AgwClient client = scripted.Client())
            {
                client.SignIn(new AgwSignIn
                {
                    AgentId = "305", Password = "座\"", Phone = "40038", Fields = "{\"status\":4}",
                });
                Check.Same("a.b", client.GetSession("305").Guid, "Guid");
                Check.Same("NODE=c", client.GetSession("305").Cookie, "cookies");
                AgwException why = Check.Throws<AgwProtocolException>(
                    () => client.SignIn(new AgwSignIn { AgentId = "305" }));
                Check.That(why.MaybeSent, "an answer without a Guid");
                string[] requests = scripted.Requests.ToArray();
                Check.Contains(requests[0], "PUT /agentgateway/resource/onlineagent/305 ");
                string password = Encoding.GetEncoding("iso-8859-1").GetString(
                    Encoding.UTF8.GetBytes("\"password\":\"座\\\"\""));
                Check.Contains(requests[0], password);
                Check.Contains(requests[0], "\"phonenum\":\"40038\"");
                Check.Contains(requests[0], "\"status\":4");
                Check.Contains(requests[0], "\"autoanswer\":false");
                Check.That(!requests[1].Contains("phonenum"), "left out");
            }
        }

        [Test]
        private static void WhatCannotBeSaidIsRefused(Gateway gateway)
        {
            using (AgwClient client = gateway.Client())
            {
                Refused(client, "agent_id", new AgwSignIn());
                Refused(client, "password", new AgwSignIn { AgentId = "306", Password = "secret\n" });
                Refused(client, "password", new AgwSignIn { AgentId = "306", Password = "secret\0" });
                Refused(client, "password", new AgwSignIn { AgentId = "306", Password = "secret\ud800" });
                Refused(client, "phone", new AgwSignIn { AgentId = "306", Phone = new string('1', 257) });
                Refused(client, "fields", new AgwSignIn { AgentId = "306", Fields = "secret" });
                Check.Throws<ArgumentNullException>(() => client.SignIn(null));
                Check.Throws<AgwInvalidAgentIdException>(
                    () => client.SignIn(new AgwSignIn { AgentId = "3o6" }));
                Check.Throws<AgwInvalidArgumentException>(() => client.NextEvent(null));
            }
        }

        [Test]
        private static void SecretsAreNotShownNorLeftBehind(Gateway gateway)
        {
            AgwSignIn signIn = new AgwSignIn { AgentId = "307", Password = "secret", Fields = "secret" };
            Check.Same("AgwSignIn of agent 307", signIn.ToString(), "sign-in");

            byte[] filled = Enumerable.Repeat((byte)'x', NativeSession.Size).ToArray();
            NativeSession native;
            IntPtr memory = Marshal.AllocHGlobal(NativeSession.Size);
            try
            {
                Marshal.Copy(filled, 0, memory, filled.Length);
                native = (NativeSession)Marshal.PtrToStructure(memory, typeof(NativeSession));
                AgwSession session = AgwSession.Take(ref native);
                Check.Same(NativeSession.GuidSize, session.Guid.Length, "Guid");
                Check.Same(NativeSession.CookieSize, session.Cookie.Length, "cookies");
                Check.That(!session.ToString().Contains("xx"), "it shows");
                Marshal.StructureToPtr(native, memory, false);
                Marshal.Copy(memory, filled, 0, filled.Length);
            }
            finally
            {
                Marshal.FreeHGlobal(memory);
            }
            Check.Same(8, filled.Count(one => one != 0), "bytes left, size and reserved");

            PinnedTexts texts = new PinnedTexts();
            IntPtr text = texts.Add("secret", "password");
            Check.Same("secret", Utf8.FromNative(text), "the native copy");
            texts.Dispose();
            Check.That(Utf8.FromNative(text) != "secret", "the native copy is left behind");
        }

        private static void Refused(AgwClient client, string field, AgwSignIn signIn)
        {
            AgwException why = Check.Throws<AgwInvalidArgumentException>(() => client.SignIn(signIn));
            Check.That(why.Detail.StartsWith(field + ":", StringComparison.Ordinal), why.Detail);
            Check.That(!why.ToString().Contains("secret") && !why.MaybeSent, "it shows");
        }
    }
}
