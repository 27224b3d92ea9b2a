// SPDX-License-Identifier: MIT OR Apache-2.0
namespace Agw
{
    /// <summary>What a client keeps for an agent. Secrets: keep them out of logs. Immutable.</summary>
    public sealed class AgwSession
    {
        private AgwSession(string guid, string cookie)
        {
            Guid = guid;
            Cookie = cookie;
        }

        /// <summary>The newest Guid.</summary>
        public string Guid { get; }

        /// <summary>
        /// A load balancer's cookies, "name=value; name=value"; "" if there are none.
        /// </summary>
        public string Cookie { get; }

        /// <summary>None of the secrets.</summary>
        public override string ToString()
        {
            return "AgwSession: Guid and cookies are not shown";
        }

        /// <summary>The native struct is empty then.</summary>
        internal static unsafe AgwSession Take(ref NativeSession native)
        {
            try
            {
                fixed (NativeSession* raw = &native)
                {
                    return new AgwSession(
                        Utf8.FromNative(raw->guid, NativeSession.GuidSize),
                        Utf8.FromNative(raw->cookie, NativeSession.CookieSize));
                }
            }
            finally
            {
                native.Clear();
            }
        }
    }
}
