// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.Serialization.Formatters.Binary;

namespace Agw.Tests
{
    /// <summary>Options, arguments, numbers and the tree of exceptions.</summary>
    internal static class OptionTests
    {
        [Test]
        private static void InvalidOptions(Gateway gateway)
        {
            Refused<AgwInvalidArgumentException>(gateway, "base_url", o => o.BaseUrl = null);
            Refused<AgwInvalidUrlException>(gateway, "base_url", o => o.BaseUrl = "ftp://x");
            Refused<AgwInvalidUrlException>(gateway, "allow_http", o => o.BaseUrl = "http://x");
            Refused<AgwInvalidUrlException>(gateway, "connect_to", o => o.ConnectTo = "nowhere");
            Refused<AgwInvalidUrlException>(gateway, "proxy", o => o.Proxy = "gopher://x");
            Refused<AgwTlsConfigException>(gateway, "ca", o => o.Ca = "/no/such/file.pem");
            Refused<AgwTlsConfigException>(gateway, "client_cert", o => o.ClientCert = "/no/such.pem");
            Refused<AgwInvalidArgumentException>(gateway, "max_agent_id", o => o.MaxAgentId = 99);
            Refused<AgwInvalidArgumentException>(gateway, "tls_trust", o => o.Trust = (AgwTrust)77);
            Refused<AgwInvalidArgumentException>(gateway, "log_level", o => o.LogLevel = (AgwLogLevel)9);
            Refused<AgwInvalidArgumentException>(gateway, "ca", o => o.Ca = "a\0b");
            Refused<AgwInvalidArgumentException>(gateway, "proxy", o => o.Proxy = "half \ud800");
        }

        [Test]
        private static void EveryOptionIsPassedOn(Gateway gateway)
        {
            AgwClientOptions options = gateway.Options();
            options.BaseUrl = "https://localhost:1";
            options.ConnectTo = gateway.Url.Substring("https://".Length);
            options.NoKeepAlive = true;
            options.MaxAgentId = 154;
            options.ConnectTimeout = TimeSpan.FromSeconds(3);
            using (AgwClient client = new AgwClient(options))
            {
                client.Connect();
                Check.Throws<AgwInvalidAgentIdException>(() => client.RejectAgentConf("155", "guid"));
            }
            new AgwClient(new AgwClientOptions { BaseUrl = "http://x", AllowHttp = true }).Dispose();
        }

        [Test]
        private static void TimesOutOfRange(Gateway gateway)
        {
            AgwClientOptions options = gateway.Options();
            TimeSpan most = TimeSpan.FromMilliseconds(uint.MaxValue);
            options.Timeout = most;
            Check.Same(uint.MaxValue, AgwClientOptions.Milliseconds(options.Timeout), "longest");
            TimeSpan more = most + TimeSpan.FromTicks(1);
            Check.Throws<ArgumentOutOfRangeException>(() => options.Timeout = more);
            Check.Throws<ArgumentOutOfRangeException>(
                () => options.ConnectTimeout = TimeSpan.FromMilliseconds(-1));
            Check.Throws<ArgumentOutOfRangeException>(() => options.MaxAgentId = -1);
            Check.Throws<ArgumentNullException>(() => new AgwClient(null));
            Check.Same(1u, AgwClientOptions.Milliseconds(TimeSpan.FromTicks(1)), "a part counts as one");
        }

        [Test]
        private static void InvalidArguments(Gateway gateway)
        {
            using (AgwClient client = gateway.Client())
            {
                Check.Throws<AgwInvalidAgentIdException>(() => client.RejectAgentConf("15a", "guid"));
                Check.Throws<AgwInvalidGuidException>(() => client.RejectAgentConf("154", ""));
                Check.Throws<AgwInvalidGuidException>(() => client.RejectAgentConf("154", "座席"));
                Check.Throws<AgwInvalidArgumentException>(() => client.RejectAgentConf(null, "guid"));
                AgwException why = Check.Throws<AgwInvalidArgumentException>(
                    () => client.RejectAgentConf("154", "secret\0more"));
                Check.That(!why.ToString().Contains("secret"), "the Guid shows");
                why = Check.Throws<AgwInvalidArgumentException>(
                    () => client.RejectAgentConf("154", "secret\udc00"));
                Check.That(!why.ToString().Contains("secret"), "the Guid shows");
                Check.Same("guid: not valid Unicode", why.Detail, "detail");
            }
        }

        [Test]
        private static void EveryStatusHasItsClass(Gateway gateway)
        {
            HashSet<Type> classes = new HashSet<Type>();
            foreach (AgwStatus status in Enum.GetValues(typeof(AgwStatus)).Cast<AgwStatus>().Skip(1))
            {
                AgwException made = AgwException.From(new Outcome { Status = status });
                string name = made.GetType().Name;
                Check.Same("Agw" + status + "Exception", name.Replace("AgwIO", "AgwIo"), "class");
                Check.Same((int)status / 100 == 3, made is AgwGatewayException, "gateway's");
                Check.Same((int)status / 100 == 2, made is AgwAnswerException, "answer's");
                Check.That(classes.Add(made.GetType()), "twice " + name);
                Check.That(AgwLibrary.Describe(status).Length > 5, "a sentence");
            }
            Check.Same(typeof(AgwNetworkException), Unknown(199), "a new number of the network's");
            Check.Same(typeof(AgwAnswerException), Unknown(299), "a new number of the answer's");
            Check.Same(typeof(AgwGatewayException), Unknown(399), "a new number of the gateway's");
            Check.Same(typeof(AgwException), Unknown(-5), "a new number");
        }

        [Test]
        private static void ExceptionsCrossAppDomains(Gateway gateway)
        {
            foreach (AgwStatus status in Enum.GetValues(typeof(AgwStatus)).Cast<AgwStatus>().Skip(1))
            {
                AgwException made = AgwException.From(new Outcome
                {
                    Status = status, Flags = ResultFlags.MaybeSent, Detail = "座席", Retcode = "1-2",
                });
                AgwException back = (AgwException)Copied(made);
                Check.Same(made.GetType(), back.GetType(), "class");
                Check.Same(made.Message, back.Message, "message");
                Check.That(back.MaybeSent && back.Status == status && back.Detail == "座席", "fields");
            }
        }

        [Test]
        private static void Versions(Gateway gateway)
        {
            Check.That(AgwLibrary.Version.StartsWith("1.", StringComparison.Ordinal), "version");
            Check.That(AgwLibrary.VersionNumber >= 0x010000, "version number");
            Check.That(AgwLibrary.Describe((AgwStatus)12345).Length > 0, "a sentence for any number");
        }

        /// <summary>The words; tests/csharp.sh has the runtime throw two of the three.</summary>
        [Test]
        private static void ALibraryThatCannotBeUsed(Gateway gateway)
        {
            Explained(new DllNotFoundException("agw"));
            Explained(new BadImageFormatException("agw"));
            Explained(new EntryPointNotFoundException("agw"));
            Check.Same(7, NativeLibrary.Call(() => 7), "what fits");
        }

        private static void Explained<T>(T why)
            where T : Exception
        {
            T told = Check.Throws<T>(() => NativeLibrary.Call<int>(() => { throw why; }));
            Check.Same(why, told.InnerException, "what the runtime threw");
            Check.Contains(told.Message, IntPtr.Size * 8 + "-bit process");
            Check.Contains(told.Message, Path.DirectorySeparatorChar == '/' ? "libagw.so" : "agw.dll");
            Check.Contains(told.Message, "into " + AppDomain.CurrentDomain.BaseDirectory);
        }

        private static void Refused<T>(Gateway gateway, string detail, Action<AgwClientOptions> change)
            where T : AgwException
        {
            AgwClientOptions options = gateway.Options();
            change(options);
            Check.Contains(Check.Throws<T>(() => new AgwClient(options)).Detail, detail);
        }

        private static Type Unknown(int status)
        {
            return AgwException.From(new Outcome { Status = (AgwStatus)status }).GetType();
        }

        private static object Copied(object value)
        {
            using (MemoryStream stream = new MemoryStream())
            {
                BinaryFormatter formatter = new BinaryFormatter();
                formatter.Serialize(stream, value);
                stream.Position = 0;
                return formatter.Deserialize(stream);
            }
        }
    }
}
