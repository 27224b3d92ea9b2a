// SPDX-License-Identifier: MIT OR Apache-2.0
namespace Agw
{
    /// <summary>What an agent signs in with. Only <see cref="AgentId"/> is needed.</summary>
    public sealed class AgwSignIn
    {
        /// <summary>Agent ID in decimal digits.</summary>
        public string AgentId { get; set; }

        /// <summary>
        /// A secret, 256 bytes at most, without control characters. Null: empty. The native copy is
        /// cleared after the call; this string is .NET's.
        /// </summary>
        public string Password { get; set; }

        /// <summary>
        /// The agent's phone, 256 bytes at most, without control characters. Null: left out, which a
        /// gateway may refuse (100-001).
        /// </summary>
        public string Phone { get; set; }

        /// <summary>
        /// Where the agent is signed in already (100-002), signs in all the same and ends that session.
        /// </summary>
        public bool Force { get; set; }

        /// <summary>
        /// Further members of the body, as the text of a JSON object of 16 KiB at most; they replace
        /// those above, and "autoanswer": false, which agw sends because with true nothing rings. Or
        /// null.
        /// </summary>
        public string Fields { get; set; }

        /// <summary>The agent, and nothing secret.</summary>
        public override string ToString()
        {
            return "AgwSignIn of agent " + AgentId;
        }

        internal AgwSignIn Copy()
        {
            return (AgwSignIn)MemberwiseClone();
        }
    }
}
