// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Threading;
using System.Threading.Tasks;

namespace Agw
{
    /// <summary>
    /// A client of one agent gateway: rejects the conference that rings at an agent; signs agents
    /// in and out and waits for their events, where the program does not do that by itself.
    /// </summary>
    /// <remarks>
    /// <para>Every member may be used from any thread, also many at once. One client serves any number
    /// of agents; make one for each gateway, share it, and dispose it at the end.</para>
    /// <para>Inside a log handler calls throw <see cref="AgwReentrantException"/>; Dispose is allowed
    /// there, and takes effect once the handler has returned.</para>
    /// <para>After Dispose every call throws <see cref="ObjectDisposedException"/>. A first use throws
    /// <see cref="DllNotFoundException"/> if the native library (agw.dll, libagw.so) is not found,
    /// <see cref="BadImageFormatException"/> if it is one of another platform, and
    /// <see cref="EntryPointNotFoundException"/> if it is another library; each says what to do.</para>
    /// <para>No member may be called from a signal handler of C, such as P/Invoke installs with
    /// sigaction. The handlers of Console.CancelKeyPress and PosixSignalRegistration are none: they run
    /// in ordinary threads, where every member may be called.</para>
    /// </remarks>
    public sealed partial class AgwClient : IDisposable
    {
        private readonly LogSink sink;
        private readonly ClientHandle handle;
        private readonly Turns turns;
        private readonly Turns polls;
        private static int lastId;

        private delegate int NativeCall(IntPtr client, PinnedTexts texts, ref NativeResult result);

        /// <summary>
        /// Makes a client. Opens no connection, but reads and checks every option: URLs, certificates,
        /// keys, fingerprints.
        /// </summary>
        /// <param name="options">What to make it from; copied.</param>
        /// <exception cref="ArgumentNullException">There are no options.</exception>
        /// <exception cref="AgwInvalidArgumentException">
        /// An option cannot be used; or one of its subclasses: AgwInvalidUrlException,
        /// AgwTlsConfigException. Detail names the option, mostly as agw.h spells it.
        /// </exception>
        /// <exception cref="AgwResourcesException">
        /// More than 65536 clients, or no file descriptor is left.
        /// </exception>
        /// <exception cref="NotSupportedException">The native library has another version.</exception>
        public AgwClient(AgwClientOptions options)
        {
            if (options == null)
            {
                throw new ArgumentNullException(nameof(options));
            }
            AgwLibrary.Check();
            Layout.Check();
            AgwClientOptions own = options.Copy();
            sink = new LogSink(this, own.Log);
            handle = ClientHandle.Create(own, sink);
            uint timeout = AgwClientOptions.Milliseconds(own.WholeCall);
            turns = new Turns(Turns.MostCalls, timeout, 0);
            polls = new Turns(Turns.MostPolls, PollMilliseconds + (long)timeout, Turns.PollStack);
        }

        /// <summary>
        /// Gets log lines, as far as AgwClientOptions.LogLevel lets them through.
        /// </summary>
        /// <remarks>
        /// It runs in the thread that called, also in several at once, and blocks the call meanwhile:
        /// be quick, and do not wait for another thread that may be in a call or in Dispose. What a
        /// handler throws is dropped; the others still get the line. Once Dispose has returned it is
        /// not called again.
        /// </remarks>
        public event EventHandler<AgwLogEventArgs> Log
        {
            add { sink.Handlers += value; }
            remove { sink.Handlers -= value; }
        }

        /// <summary>
        /// Rejects the conference that rings at an agent (rejectAgentConf).
        /// </summary>
        /// <remarks>
        /// Blocks until the gateway's answer, the time-out, or a cancel. That it returns means that the
        /// gateway accepted; the outcome shows as the events AgentOther_PhoneRelease and
        /// AgentState_Ready. The request carries no conference: the gateway takes whatever rings at the
        /// agent just then, so nothing is sent again after a time-out.
        /// </remarks>
        /// <param name="agentId">Agent ID in decimal digits, from 101 to MaxAgentId.</param>
        /// <param name="guid">
        /// The agent's Guid, bare or as the whole value of a Set-GUID header; visible ASCII, 256 bytes
        /// at most. Never shown in any text. Null: the one that the client keeps for the agent.
        /// </param>
        /// <param name="cancellationToken">Ends this call alone, soon, also before it begins.</param>
        /// <returns>The gateway's answer.</returns>
        /// <exception cref="AgwNoConferenceException">Too late, nothing is ringing.</exception>
        /// <exception cref="AgwSessionException">
        /// Take the newest Guid or sign in again; with HttpStatus 0 none is kept, and nothing was sent.
        /// </exception>
        /// <exception cref="AgwTimeoutException">Timeout passed; see MaybeSent.</exception>
        /// <exception cref="AgwCancelledException">Ended by Cancel or Dispose.</exception>
        /// <exception cref="OperationCanceledException">
        /// Ended by the token. The InnerException, an <see cref="AgwCancelledException"/>, tells by
        /// MaybeSent whether the gateway may have acted all the same.
        /// </exception>
        /// <exception cref="AgwException">Any other failure, each with its class.</exception>
        /// <exception cref="ObjectDisposedException">The client is disposed.</exception>
        public AgwAnswer RejectAgentConf(
            string agentId, string guid, CancellationToken cancellationToken = default(CancellationToken))
        {
            return Run(Reject(agentId, guid), cancellationToken);
        }

        /// <summary>
        /// <see cref="RejectAgentConf(string, string, CancellationToken)"/> in a thread of its own.
        /// </summary>
        /// <remarks>
        /// <para>The token ends this call alone, soon, and the task is then cancelled:
        /// <see cref="OperationCanceledException"/>, whose InnerException is an
        /// <see cref="AgwCancelledException"/> that tells by MaybeSent whether the gateway may have
        /// acted all the same. Without an InnerException the call had not begun. So await throws it; the
        /// exception that Wait and Result make of it does not tell. An answer that is there before the
        /// cancellation wins.</para>
        /// <para>At most 64 asynchronous calls of a client are under way at once, apart from those of
        /// NextEventAsync; further ones wait their turn. Timeout counts from the beginning of that wait:
        /// a call whose turn has not come by then is not sent, and one that then has no answer yet is
        /// ended. Both fail with <see cref="AgwTimeoutException"/>. Cancel and Dispose end those that
        /// wait, too.</para>
        /// </remarks>
        /// <param name="agentId">As for RejectAgentConf.</param>
        /// <param name="guid">As for RejectAgentConf.</param>
        /// <param name="cancellationToken">Ends this call.</param>
        /// <returns>
        /// A task of the gateway's answer. It fails with what RejectAgentConf throws: nothing is thrown
        /// but through the task.
        /// </returns>
        public Task<AgwAnswer> RejectAgentConfAsync(
            string agentId, string guid, CancellationToken cancellationToken = default(CancellationToken))
        {
            return RunAsync(Reject(agentId, guid), cancellationToken);
        }

        /// <summary>
        /// Makes sure that a verified connection to the gateway stands ready, without sending a request.
        /// </summary>
        /// <remarks>
        /// At sign-in it finds a wrong address or certificate before a phone rings. When
        /// AgentConf_Ringing arrives it makes the reject that follows one round trip instead of three. A
        /// kept connection counts only if it was made, or an answer came over it, within the last two
        /// seconds.
        /// </remarks>
        /// <param name="cancellationToken">Ends this call alone, as that of RejectAgentConf.</param>
        /// <returns>
        /// What the connection is, in words for a log: the TLS version, the gateway's certificate,
        /// what that was checked against, and the proxy if there is one.
        /// </returns>
        /// <exception cref="AgwNetworkException">What a call would fail with.</exception>
        /// <exception cref="AgwCancelledException">Ended by Cancel or Dispose.</exception>
        /// <exception cref="OperationCanceledException">Ended by the token.</exception>
        /// <exception cref="ObjectDisposedException">The client is disposed.</exception>
        public string Connect(CancellationToken cancellationToken = default(CancellationToken))
        {
            return Run(MakeReady, cancellationToken).Detail;
        }

        /// <summary>
        /// <see cref="Connect"/> in a thread of its own, as RejectAgentConfAsync is.
        /// </summary>
        /// <param name="cancellationToken">Ends this call.</param>
        /// <returns>A task of what Connect returns; it fails with what Connect throws.</returns>
        public async Task<string> ConnectAsync(
            CancellationToken cancellationToken = default(CancellationToken))
        {
            return (await RunAsync(MakeReady, cancellationToken).ConfigureAwait(false)).Detail;
        }

        /// <summary>
        /// Makes all calls now in progress on this client end soon with
        /// <see cref="AgwCancelledException"/>, whether they have a token or not. Calls that begin
        /// afterwards are not touched; the client stays usable.
        /// </summary>
        /// <exception cref="AgwReentrantException">Called from inside a log handler.</exception>
        /// <exception cref="ObjectDisposedException">The client is disposed.</exception>
        public void Cancel()
        {
            ThrowIfDisposed();
            // Before those in progress: one that waits is not to begin when such a one ends.
            turns.Stop();
            polls.Stop();
            int status = NativeMethods.agw_cancel(handle.Ticket);
            GC.KeepAlive(this);
            if (status == (int)AgwStatus.Reentrant)
            {
                throw AgwException.From(new Outcome { Status = AgwStatus.Reentrant });
            }
        }

        /// <summary>
        /// Frees the client. Calls in progress on it end soon with
        /// <see cref="AgwCancelledException"/>; it waits for log handlers that are under way in other
        /// threads. A second Dispose does nothing.
        /// </summary>
        public void Dispose()
        {
            turns.Stop();
            polls.Stop();
            handle.Dispose();
            polls.Stop(); // the pause of an Events that began to poll in between
        }

        private static NativeCall Reject(string agentId, string guid)
        {
            return (IntPtr client, PinnedTexts texts, ref NativeResult result) =>
                NativeMethods.agw_reject_agent_conf(
                    client, texts.Add(agentId, "agent_id"), texts.Add(guid, "guid"), ref result);
        }

        private static int MakeReady(IntPtr client, PinnedTexts texts, ref NativeResult result)
        {
            return NativeMethods.agw_connect(client, ref result);
        }

        /// <summary>Nothing is thrown but through the task.</summary>
        private Task<AgwAnswer> RunAsync(NativeCall call, CancellationToken token)
        {
            return turns.Run(end => Run(call, end), token);
        }

        /// <summary>
        /// Every call goes through here. A cancellation before the native call has begun is remembered
        /// by the library; one after its end would be in vain, as no number is used twice.
        /// </summary>
        private AgwAnswer Run(NativeCall call, CancellationToken token)
        {
            if (!token.CanBeCanceled)
            {
                return Run(call, 0);
            }
            uint id = NextId(ref lastId);
            using (token.Register(() => handle.CancelCall(id)))
            {
                try
                {
                    return Run(call, id);
                }
                catch (AgwCancelledException why) when (token.IsCancellationRequested)
                {
                    throw new OperationCanceledException(why.Message, why, token);
                }
            }
        }

        private AgwAnswer Run(NativeCall call, uint id)
        {
            ThrowIfDisposed();
            NativeResult result = NativeResult.Create();
            result.call_id = id;
            int status = 0;
            using (PinnedTexts texts = new PinnedTexts())
            {
                try
                {
                }
                finally // a Thread.Abort waits for its end; the next log line would throw it through C
                {
                    status = call(handle.Ticket, texts, ref result);
                }
            }
            GC.KeepAlive(this);
            ClientHandle.AbortIfWanted();
            if (status == (int)AgwStatus.InvalidHandle)
            {
                ThrowIfDisposed();
            }
            Outcome outcome = Outcome.Read(status, ref result);
            if (status != (int)AgwStatus.Ok)
            {
                throw AgwException.From(outcome);
            }
            return new AgwAnswer(outcome);
        }

        /// <summary>Counts upward, and leaves out 0, which is no number.</summary>
        internal static uint NextId(ref int last)
        {
            uint id = unchecked((uint)Interlocked.Increment(ref last));
            return id == 0 ? NextId(ref last) : id;
        }

        private void ThrowIfDisposed()
        {
            if (handle.IsClosed)
            {
                throw new ObjectDisposedException(typeof(AgwClient).FullName);
            }
        }
    }
}
