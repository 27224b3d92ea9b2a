// SPDX-License-Identifier: MIT OR Apache-2.0
using System;

namespace Agw
{
    /// <summary>Something that happened to an agent. Immutable.</summary>
    public sealed class AgwEvent
    {
        /// <summary>A <see cref="Type"/>: a conference rings at the agent.</summary>
        public const string ConfRinging = "AgentConf_Ringing";

        /// <summary>
        /// A <see cref="Type"/>: the agent's phone was hung up, by the agent or the platform.
        /// </summary>
        public const string PhoneRelease = "AgentOther_PhoneRelease";

        /// <summary>A <see cref="Type"/>: the agent is ready.</summary>
        public const string Ready = "AgentState_Ready";

        /// <summary>A <see cref="Type"/>: somebody joined a conference, or left it.</summary>
        public const string ConfParticipantChanged = "AgentConf_ParticipantChanged";

        private static readonly DateTime Epoch = new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc);

        private AgwEvent()
        {
        }

        /// <summary>What happened, as sent: <see cref="ConfRinging"/> or another.</summary>
        public string Type { get; private set; }

        /// <summary>The agent, as sent.</summary>
        public string WorkNo { get; private set; }

        /// <summary>The content as JSON text, as sent; "" if there is none or it is null.</summary>
        public string Content { get; private set; }

        /// <summary>The conference; null where the event is about none.</summary>
        public long? ConfId { get; private set; }

        /// <summary>When it happened, in UTC by the gateway's clock; null where it does not tell.</summary>
        public DateTime? Generated { get; private set; }

        /// <summary>Content, or another text, was cut to fit.</summary>
        public bool Truncated { get; private set; }

        /// <summary>Type, agent and content: a line for a log.</summary>
        public override string ToString()
        {
            return Type + " agent " + WorkNo + " " + Content;
        }

        /// <summary>Null: nothing happened.</summary>
        internal static unsafe AgwEvent Read(ref NativeEvent native)
        {
            fixed (NativeEvent* raw = &native)
            {
                string type = Utf8.FromNative(raw->type, NativeEvent.TypeSize);
                return type.Length == 0 ? null : new AgwEvent
                {
                    Type = type,
                    WorkNo = Utf8.FromNative(raw->work_no, NativeEvent.WorkNoSize),
                    Content = Utf8.FromNative(raw->content, NativeEvent.ContentSize),
                    ConfId = raw->conf_id == 0 ? (long?)null : raw->conf_id,
                    Generated = Time(raw->generated_ms),
                    Truncated = (raw->flags & EventFlags.Truncated) != 0,
                };
            }
        }

        /// <summary>None for what no DateTime can be: the number is the gateway's.</summary>
        private static DateTime? Time(long milliseconds)
        {
            // In whole milliseconds: as a double the last one of the year 9999 is the first of 10000.
            bool fits = milliseconds >= (DateTime.MinValue - Epoch).Ticks / TimeSpan.TicksPerMillisecond
                && milliseconds <= (DateTime.MaxValue - Epoch).Ticks / TimeSpan.TicksPerMillisecond;
            return milliseconds == 0 || !fits
                ? (DateTime?)null
                : Epoch.AddTicks(milliseconds * TimeSpan.TicksPerMillisecond);
        }
    }
}
