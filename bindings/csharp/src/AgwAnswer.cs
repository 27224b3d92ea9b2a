// SPDX-License-Identifier: MIT OR Apache-2.0
using System;

namespace Agw
{
    /// <summary>What the gateway answered to a call that it accepted. Immutable.</summary>
    public sealed class AgwAnswer
    {
        internal AgwAnswer(Outcome outcome)
        {
            HttpStatus = outcome.HttpStatus;
            Retcode = outcome.Retcode;
            Message = outcome.Message;
            Detail = outcome.Detail;
            Elapsed = outcome.Elapsed;
            Resent = outcome.Has(ResultFlags.Resent);
            Truncated = outcome.Has(ResultFlags.Truncated);
        }

        /// <summary>The HTTP status.</summary>
        public int HttpStatus { get; }

        /// <summary>The gateway's error code as sent: "0".</summary>
        public string Retcode { get; }

        /// <summary>The gateway's text.</summary>
        public string Message { get; }

        /// <summary>What the library adds, for a log. Never holds the Guid.</summary>
        public string Detail { get; }

        /// <summary>The whole call, measured in microseconds.</summary>
        public TimeSpan Elapsed { get; }

        /// <summary>
        /// A kept connection proved dead before the first byte of an answer, so the request went out
        /// once more on a new one.
        /// </summary>
        public bool Resent { get; }

        /// <summary>A text was cut to fit.</summary>
        public bool Truncated { get; }
    }
}
