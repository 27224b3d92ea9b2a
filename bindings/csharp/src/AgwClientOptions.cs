// SPDX-License-Identifier: MIT OR Apache-2.0
using System;

namespace Agw
{
    /// <summary>
    /// What a client is made from. Only <see cref="BaseUrl"/> is needed; what is not set has the
    /// library's default. A client copies the options: later changes do not reach it.
    /// </summary>
    public sealed class AgwClientOptions
    {
        private TimeSpan timeout;
        private TimeSpan connectTimeout;
        private int maxAgentId;

        /// <summary>
        /// "https://host:port", and a path prefix if there is one; agw adds /agentgateway. Without a
        /// port: 443.
        /// </summary>
        public string BaseUrl { get; set; }

        /// <summary>
        /// "ip:port" to connect to instead, or several of one service, comma between, in order of
        /// preference; or null. The certificate must still be for BaseUrl's host.
        /// </summary>
        public string ConnectTo { get; set; }

        /// <summary>What the gateway's certificate is checked against.</summary>
        public AgwTrust Trust { get; set; }

        /// <summary>
        /// Certificates to trust: PEM text, or the path of a file in PEM (UTF-8 or UTF-16) or DER; or
        /// null. Each must be good. With <see cref="AgwTrust.Ca"/> they alone are trusted, with
        /// <see cref="AgwTrust.System"/> the system's, too.
        /// </summary>
        public string Ca { get; set; }

        /// <summary>
        /// SHA-256 fingerprints of the gateway's certificate, for <see cref="AgwTrust.Pin"/>: hex,
        /// colons allowed, comma between several; or null.
        /// </summary>
        public string PinSha256 { get; set; }

        /// <summary>
        /// Client certificate chain, text or path as Ca, the client's own first, if the gateway wants
        /// one; or null.
        /// </summary>
        public string ClientCert { get; set; }

        /// <summary>
        /// Its private key, text or path as Ca, not encrypted. Null: looked for in ClientCert.
        /// </summary>
        public string ClientKey { get; set; }

        /// <summary>
        /// Null: no proxy. "env": from https_proxy and the like, unless no_proxy names the gateway's
        /// host. Else "http://user:password@host:port".
        /// </summary>
        public string Proxy { get; set; }

        /// <summary>
        /// The whole call, name look-up included, in whole milliseconds (a part of one counts as
        /// one). Zero: 10 seconds. A wait for an event has 10 seconds more.
        /// </summary>
        /// <exception cref="ArgumentOutOfRangeException">Negative, or above 49 days.</exception>
        public TimeSpan Timeout
        {
            get { return timeout; }
            set { timeout = Checked(value); }
        }

        /// <summary>TCP and TLS set-up, in whole milliseconds, as Timeout. Zero: 5 seconds.</summary>
        /// <exception cref="ArgumentOutOfRangeException">Negative, or above 49 days.</exception>
        public TimeSpan ConnectTimeout
        {
            get { return connectTimeout; }
            set { connectTimeout = Checked(value); }
        }

        /// <summary>
        /// Largest agent ID taken, from 101. Zero: 59999. Gateways documented since late 2025:
        /// 999999.
        /// </summary>
        /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
        public int MaxAgentId
        {
            get { return maxAgentId; }
            set
            {
                if (value < 0)
                {
                    throw new ArgumentOutOfRangeException(nameof(value));
                }
                maxAgentId = value;
            }
        }

        /// <summary>Take a BaseUrl with plain http.</summary>
        public bool AllowHttp { get; set; }

        /// <summary>A new connection for each call.</summary>
        public bool NoKeepAlive { get; set; }

        /// <summary>
        /// The first handler of <see cref="AgwClient.Log"/>, which also gets the lines written while
        /// the client is made; or null.
        /// </summary>
        public EventHandler<AgwLogEventArgs> Log { get; set; }

        /// <summary>The most verbose lines wanted. The default is those of Warn and Error.</summary>
        public AgwLogLevel LogLevel { get; set; }

        /// <summary>Timeout, where zero has become what it stands for.</summary>
        internal TimeSpan WholeCall
        {
            get { return timeout == TimeSpan.Zero ? TimeSpan.FromSeconds(10) : timeout; }
        }

        internal AgwClientOptions Copy()
        {
            return (AgwClientOptions)MemberwiseClone();
        }

        internal static uint Milliseconds(TimeSpan time)
        {
            return (uint)Math.Ceiling(time.TotalMilliseconds);
        }

        private static TimeSpan Checked(TimeSpan value)
        {
            if (value < TimeSpan.Zero || Math.Ceiling(value.TotalMilliseconds) > uint.MaxValue)
            {
                throw new ArgumentOutOfRangeException(nameof(value), value, "not within 0 to 49 days");
            }
            return value;
        }
    }
}
