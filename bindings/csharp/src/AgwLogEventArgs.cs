// SPDX-License-Identifier: MIT OR Apache-2.0
using System;

namespace Agw
{
    /// <summary>
    /// One log line. It begins with the gateway, and names the method (rejectAgentConf), the agent,
    /// the status, the retcode and the time; never a Guid, a password, a cookie, a key or a
    /// certificate.
    /// </summary>
    public sealed class AgwLogEventArgs : EventArgs
    {
        internal AgwLogEventArgs(AgwLogLevel level, string message)
        {
            Level = level;
            Message = message;
        }

        /// <summary>How much it matters.</summary>
        public AgwLogLevel Level { get; }

        /// <summary>The line, without a line feed.</summary>
        public string Message { get; }
    }
}
