// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Agw
{
    // An agent's shift: what the client keeps for its agents, and how that is renewed.
    public sealed partial class AgwClient
    {
        /// <summary>How long the gateway holds a poll back for which it has no event.</summary>
        private const int PollMilliseconds = 10000;

        /// <summary>How long Events waits after a poll that failed.</summary>
        private const int PauseMilliseconds = 1000;

        /// <summary>
        /// Signs an agent in (login), and keeps the Guid and a load balancer's cookies for its calls.
        /// </summary>
        /// <remarks>
        /// An accepted sign-in takes the place of the session that was kept before, a refused one leaves
        /// it. After it NextEvent, RejectAgentConf without a Guid, and SignOut need the agent ID alone.
        /// </remarks>
        /// <param name="signIn">What to sign in with; copied.</param>
        /// <param name="cancellationToken">Ends this call alone, as that of RejectAgentConf.</param>
        /// <returns>The gateway's answer.</returns>
        /// <exception cref="ArgumentNullException">There is nothing to sign in with.</exception>
        /// <exception cref="AgwInvalidArgumentException">
        /// Detail names the field as agw.h spells it; nothing was sent.
        /// </exception>
        /// <exception cref="AgwGatewayException">
        /// Refused: see Retcode, such as 100-002 (signed in already) or 100-004 (wrong name or password).
        /// </exception>
        /// <exception cref="AgwException">Any other failure, as of RejectAgentConf.</exception>
        public AgwAnswer SignIn(
            AgwSignIn signIn, CancellationToken cancellationToken = default(CancellationToken))
        {
            return Run(Login(signIn), cancellationToken);
        }

        /// <summary><see cref="SignIn"/> in a thread of its own, as RejectAgentConfAsync is.</summary>
        /// <param name="signIn">What to sign in with; copied.</param>
        /// <param name="cancellationToken">Ends this call.</param>
        /// <returns>A task of the gateway's answer; it fails with what SignIn throws.</returns>
        public Task<AgwAnswer> SignInAsync(
            AgwSignIn signIn, CancellationToken cancellationToken = default(CancellationToken))
        {
            return RunAsync(Login(signIn), cancellationToken);
        }

        /// <summary>
        /// <see cref="RejectAgentConf(string, string, CancellationToken)"/> with the Guid that the client
        /// keeps for the agent since SignIn, NextEvent or SetSession.
        /// </summary>
        /// <param name="agentId">Agent ID in decimal digits, from 101 to MaxAgentId.</param>
        /// <param name="cancellationToken">Ends this call alone.</param>
        /// <returns>The gateway's answer.</returns>
        public AgwAnswer RejectAgentConf(
            string agentId, CancellationToken cancellationToken = default(CancellationToken))
        {
            return RejectAgentConf(agentId, null, cancellationToken);
        }

        /// <summary>
        /// <see cref="RejectAgentConfAsync(string, string, CancellationToken)"/> with the Guid that the
        /// client keeps for the agent.
        /// </summary>
        /// <param name="agentId">As for RejectAgentConf.</param>
        /// <param name="cancellationToken">Ends this call.</param>
        /// <returns>A task of the gateway's answer.</returns>
        public Task<AgwAnswer> RejectAgentConfAsync(
            string agentId, CancellationToken cancellationToken = default(CancellationToken))
        {
            return RejectAgentConfAsync(agentId, null, cancellationToken);
        }

        /// <summary>
        /// Waits for the next event of an agent that is signed in (getAgentEvent).
        /// </summary>
        /// <remarks>
        /// <para>The gateway answers at once if there is an event, else after about 10 seconds; Timeout
        /// counts on top of that. The call begins with a wait until 200 ms have passed since the agent's
        /// last one ended, so a loop needs no pause of its own; after a failure wait a second, after
        /// AgwSessionException sign in again: <see cref="Events"/> is that loop.</para>
        /// <para>A newer Guid that comes along is kept, at once for all threads. The gateway hands out
        /// each event once: after a failure with MaybeSent, or where a kept connection died and the
        /// request was sent again, one may be missing.</para>
        /// </remarks>
        /// <param name="agentId">Agent ID in decimal digits.</param>
        /// <param name="cancellationToken">Ends this call alone, as that of RejectAgentConf.</param>
        /// <returns>The event; null: nothing happened.</returns>
        /// <exception cref="AgwPollingException">Somebody else waits for this agent's events.</exception>
        /// <exception cref="AgwSessionException">
        /// The session is over, or, with HttpStatus 0, none is kept.
        /// </exception>
        /// <exception cref="AgwCancelledException">Ended by SignOut, Cancel or Dispose.</exception>
        /// <exception cref="OperationCanceledException">Ended by the token.</exception>
        /// <exception cref="AgwException">Any other failure, as of RejectAgentConf.</exception>
        public AgwEvent NextEvent(
            string agentId, CancellationToken cancellationToken = default(CancellationToken))
        {
            AgwEvent happened = null;
            Run((IntPtr client, PinnedTexts texts, ref NativeResult result) =>
            {
                NativeEvent native = new NativeEvent { struct_size = NativeEvent.Size };
                int status = NativeMethods.agw_next_event(
                    client, texts.Add(agentId, "agent_id"), ref native, ref result);
                happened = AgwEvent.Read(ref native);
                return status;
            }, cancellationToken);
            return happened;
        }

        /// <summary>
        /// <see cref="NextEvent"/> in a thread of its own, with a small stack, as RejectAgentConfAsync is.
        /// </summary>
        /// <remarks>
        /// These threads are others than those of the other asynchronous calls: however many wait for
        /// events, a reject does not wait for one of them. At most 1,000 of a client wait at once; further
        /// ones wait their turn, for 10 seconds and Timeout.
        /// </remarks>
        /// <param name="agentId">As for NextEvent.</param>
        /// <param name="cancellationToken">Ends this call.</param>
        /// <returns>A task of the event or null; it fails with what NextEvent throws.</returns>
        public Task<AgwEvent> NextEventAsync(
            string agentId, CancellationToken cancellationToken = default(CancellationToken))
        {
            return polls.Run(end => NextEvent(agentId, end), cancellationToken);
        }

        /// <summary>
        /// The events of an agent that is signed in, one after the other, until its session is over.
        /// </summary>
        /// <remarks>
        /// Each step waits, in the thread that takes it, as long as nothing happens. A poll that fails
        /// for a reason that may pass, such as a broken connection or a gateway that is busy, stands in
        /// the log only, and is tried again after a second. A newer Guid is kept as by NextEvent.
        /// </remarks>
        /// <param name="agentId">Agent ID in decimal digits.</param>
        /// <param name="cancellationToken">Ends it at once, and no other call.</param>
        /// <returns>An enumeration that does not end but by an exception.</returns>
        /// <exception cref="AgwSessionException">
        /// The session is over, or none is kept: sign in again.
        /// </exception>
        /// <exception cref="AgwCancelledException">Ended by SignOut, Cancel or Dispose.</exception>
        /// <exception cref="OperationCanceledException">Ended by the token.</exception>
        /// <exception cref="AgwPollingException">Somebody else waits for this agent's events.</exception>
        /// <exception cref="AgwInvalidArgumentException">The agent ID cannot be used.</exception>
        public IEnumerable<AgwEvent> Events(
            string agentId, CancellationToken cancellationToken = default(CancellationToken))
        {
            while (true)
            {
                AgwEvent happened = PollOrPause(agentId, cancellationToken);
                if (happened != null)
                {
                    yield return happened;
                }
            }
        }

        /// <summary>
        /// Signs an agent out (logout), and forgets its session where that is over.
        /// </summary>
        /// <remarks>
        /// A call that waits for the agent's events ends with <see cref="AgwCancelledException"/>. The
        /// session is kept where the gateway was busy, failed, or was not reached, so that it can be
        /// tried again.
        /// </remarks>
        /// <param name="agentId">Agent ID in decimal digits.</param>
        /// <param name="cancellationToken">Ends this call alone, as that of RejectAgentConf.</param>
        /// <returns>The gateway's answer.</returns>
        /// <exception cref="AgwSessionException">There is nothing to sign out of.</exception>
        /// <exception cref="AgwGatewayException">With Retcode 100-008: the same.</exception>
        /// <exception cref="AgwException">Any other failure, as of RejectAgentConf.</exception>
        public AgwAnswer SignOut(
            string agentId, CancellationToken cancellationToken = default(CancellationToken))
        {
            return Run(Logout(agentId), cancellationToken);
        }

        /// <summary><see cref="SignOut"/> in a thread of its own, as RejectAgentConfAsync is.</summary>
        /// <param name="agentId">Agent ID in decimal digits.</param>
        /// <param name="cancellationToken">Ends this call.</param>
        /// <returns>A task of the gateway's answer; it fails with what SignOut throws.</returns>
        public Task<AgwAnswer> SignOutAsync(
            string agentId, CancellationToken cancellationToken = default(CancellationToken))
        {
            return RunAsync(Logout(agentId), cancellationToken);
        }

        /// <summary>
        /// Keeps a Guid and cookies for an agent: for a program that signs in or polls by itself. Sends
        /// nothing.
        /// </summary>
        /// <remarks>
        /// Behind a load balancer its cookies go along with each call of the agent. A Guid that is handed
        /// to a call is used instead of the one kept.
        /// </remarks>
        /// <param name="agentId">Agent ID in decimal digits.</param>
        /// <param name="guid">
        /// The newest Guid, bare or as the whole value of a Set-GUID header. Null: forgets the session.
        /// </param>
        /// <param name="cookie">
        /// "name=value", ; between several: at most 32, of 1775 bytes together, visible ASCII and blanks.
        /// Null: the cookies that are kept stay; "": they are dropped.
        /// </param>
        /// <exception cref="AgwInvalidArgumentException">
        /// Or one of its subclasses: AgwInvalidAgentIdException, AgwInvalidGuidException.
        /// </exception>
        public void SetSession(string agentId, string guid, string cookie = null)
        {
            Run((IntPtr client, PinnedTexts texts, ref NativeResult result) =>
                NativeMethods.agw_set_session(client, texts.Add(agentId, "agent_id"),
                    texts.Add(guid, "guid"), texts.Add(cookie, "cookie"), ref result), 0);
        }

        /// <summary>
        /// Shows the newest Guid and the cookies that are kept for an agent: for a program that calls
        /// other interfaces of the gateway by its own client. The one place that shows them. Sends
        /// nothing.
        /// </summary>
        /// <param name="agentId">Agent ID in decimal digits.</param>
        /// <returns>Secrets; the native copy is cleared.</returns>
        /// <exception cref="AgwSessionException">None is kept.</exception>
        public AgwSession GetSession(string agentId)
        {
            AgwSession kept = null;
            Run((IntPtr client, PinnedTexts texts, ref NativeResult result) =>
            {
                NativeSession native = new NativeSession { struct_size = NativeSession.Size };
                int status = NativeMethods.agw_get_session(
                    client, texts.Add(agentId, "agent_id"), ref native, ref result);
                kept = AgwSession.Take(ref native);
                return status;
            }, 0);
            return kept;
        }

        private static NativeCall Login(AgwSignIn signIn)
        {
            AgwSignIn own = signIn?.Copy();
            return (IntPtr client, PinnedTexts texts, ref NativeResult result) =>
            {
                if (own == null)
                {
                    throw new ArgumentNullException(nameof(signIn));
                }
                NativeSignIn native = new NativeSignIn
                {
                    struct_size = (uint)Layout.SignInSize,
                    flags = own.Force ? SignInFlags.Force : SignInFlags.None,
                    agent_id = texts.Add(own.AgentId, "agent_id"),
                    password = texts.Add(own.Password, "password"),
                    phone = texts.Add(own.Phone, "phone"),
                    fields = texts.Add(own.Fields, "fields"),
                };
                return NativeMethods.agw_sign_in(client, ref native, ref result);
            };
        }

        private static NativeCall Logout(string agentId)
        {
            return (IntPtr client, PinnedTexts texts, ref NativeResult result) =>
                NativeMethods.agw_sign_out(client, texts.Add(agentId, "agent_id"), ref result);
        }

        /// <summary>Null: nothing happened, or a pause after a failure is over.</summary>
        private AgwEvent PollOrPause(string agentId, CancellationToken token)
        {
            // Before the poll, so that a Cancel or Dispose while it fails is seen.
            CancellationToken stopped = polls.Stopped;
            try
            {
                return NextEvent(agentId, token);
            }
            catch (AgwException why) when (MayPass(why))
            {
                Pause(token, stopped);
                return null;
            }
        }

        /// <summary>Not what the caller has to mend, nor what the caller has ended.</summary>
        private static bool MayPass(AgwException why)
        {
            return (why is AgwNetworkException || why is AgwAnswerException || why is AgwGatewayException
                || why is AgwResourcesException || why is AgwInternalException)
                && !(why is AgwSessionException);
        }

        private static void Pause(CancellationToken token, CancellationToken stopped)
        {
            using (CancellationTokenSource end =
                CancellationTokenSource.CreateLinkedTokenSource(token, stopped))
            {
                if (end.Token.WaitHandle.WaitOne(PauseMilliseconds))
                {
                    token.ThrowIfCancellationRequested();
                    throw AgwException.From(new Outcome { Status = AgwStatus.Cancelled });
                }
            }
        }
    }
}
