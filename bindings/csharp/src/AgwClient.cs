// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Threading;
using System.Threading.Tasks;

namespace Agw
{
    /// <summary>
    /// A client of one agent gateway: rejects the conference call that rings at an agent.
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
    public sealed class AgwClient : IDisposable
    {
        private readonly LogSink sink;
        private readonly Lanes lanes;

        private delegate int NativeCall(IntPtr client, ref NativeResult result);

        /// <summary>
        /// Makes a client. Opens no connection, but reads and checks every option: URLs, certificates,
        /// keys, fingerprints.
        /// </summary>
        /// <param name="options">What to make it from; copied.</param>
        /// <exception cref="ArgumentNullException">There are no options.</exception>
        /// <exception cref="AgwInvalidArgumentException">
        /// An option cannot be used; or one of its subclasses: AgwInvalidUrlException,
        /// AgwTlsConfigException. Detail names the option as agw.h spells it.
        /// </exception>
        /// <exception cref="AgwResourcesException">More than 65536 native clients.</exception>
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
            LogSink log = new LogSink(this, own.Log);
            sink = log;
            lanes = new Lanes(() => ClientHandle.Create(own, log));
        }

        /// <summary>
        /// Gets log lines, as far as AgwClientOptions.LogLevel lets them through.
        /// </summary>
        /// <remarks>
        /// It runs in the thread that called, also in several at once, and blocks the call meanwhile:
        /// be quick, and do not wait for another thread that may be in a call or in Dispose. What a
        /// handler throws is swallowed; the others still get the line. Once Dispose has returned it is
        /// not called again.
        /// </remarks>
        public event EventHandler<AgwLogEventArgs> Log
        {
            add { sink.Handlers += value; }
            remove { sink.Handlers -= value; }
        }

        /// <summary>How many native clients there are; for the tests.</summary>
        internal int LaneCount
        {
            get { return lanes.Count; }
        }

        /// <summary>
        /// Rejects the conference call that rings at an agent (rejectAgentConf).
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
        /// at most. Never shown in any text.
        /// </param>
        /// <returns>The gateway's answer.</returns>
        /// <exception cref="AgwNoConferenceException">Too late, nothing is ringing.</exception>
        /// <exception cref="AgwSessionException">Take the newest Guid or sign in again.</exception>
        /// <exception cref="AgwTimeoutException">Timeout passed; see MaybeSent.</exception>
        /// <exception cref="AgwCancelledException">Ended by Cancel or Dispose.</exception>
        /// <exception cref="AgwException">Any other failure, each with its class.</exception>
        /// <exception cref="ObjectDisposedException">The client is disposed.</exception>
        public AgwAnswer RejectAgentConf(string agentId, string guid)
        {
            return Call(Reject(agentId, guid), CancellationToken.None);
        }

        /// <summary>
        /// <see cref="RejectAgentConf"/> in a thread of its own, which can be cancelled by itself.
        /// </summary>
        /// <remarks>
        /// <para>The token ends this call alone, soon, and the task is then cancelled:
        /// <see cref="OperationCanceledException"/>, whose InnerException is an
        /// <see cref="AgwCancelledException"/> that tells by MaybeSent whether the gateway may have
        /// acted all the same. Without an InnerException the call had not begun. So await throws it; the
        /// exception that Wait and Result make of it does not tell. An answer that is there before the
        /// cancellation wins.</para>
        /// <para>The library cancels by native client, so a call with a token has one to itself: the
        /// first if that is idle, else an additional one, for which the options' files are read again
        /// and a connection is set up. Additional ones are kept, up to a few, for later calls.
        /// </para>
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
            return Start(() => Reject(agentId, guid), cancellationToken);
        }

        /// <summary>
        /// Makes sure that a verified connection to the gateway stands ready, without sending a request.
        /// </summary>
        /// <remarks>
        /// At sign-in it finds a wrong address or certificate before a phone rings. When
        /// AgentConf_Ringing arrives it makes the reject that follows one round trip instead of three. A
        /// kept connection counts only if it was heard of within the last two seconds.
        /// </remarks>
        /// <returns>
        /// What the connection is, in words for a log: the TLS version, the gateway's certificate, and
        /// what that was checked against.
        /// </returns>
        /// <exception cref="AgwNetworkException">What a call would fail with.</exception>
        /// <exception cref="AgwCancelledException">Ended by Cancel or Dispose.</exception>
        /// <exception cref="ObjectDisposedException">The client is disposed.</exception>
        public string Connect()
        {
            return Call(NativeMethods.agw_connect, CancellationToken.None).Detail;
        }

        /// <summary>
        /// <see cref="Connect"/> in a thread of its own; cancelled as RejectAgentConfAsync is.
        /// </summary>
        /// <param name="cancellationToken">Ends this call.</param>
        /// <returns>A task of what Connect returns; it fails with what Connect throws.</returns>
        public async Task<string> ConnectAsync(
            CancellationToken cancellationToken = default(CancellationToken))
        {
            Task<AgwAnswer> call = Start(() => NativeMethods.agw_connect, cancellationToken);
            return (await call.ConfigureAwait(false)).Detail;
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
            lanes.Cancel();
        }

        /// <summary>
        /// Frees the client. Calls in progress on it end soon with
        /// <see cref="AgwCancelledException"/>; it waits for log handlers that are under way in other
        /// threads. A second Dispose does nothing.
        /// </summary>
        public void Dispose()
        {
            lanes.Dispose();
        }

        private static NativeCall Reject(string agentId, string guid)
        {
            byte[] agentBytes = Utf8.ToNative(agentId, "agent_id");
            byte[] guidBytes = Utf8.ToNative(guid, "guid");
            return (IntPtr client, ref NativeResult result) =>
                NativeMethods.agw_reject_agent_conf(client, agentBytes, guidBytes, ref result);
        }

        /// <summary>
        /// A blocking call would starve the thread pool, a thousand more so: hence LongRunning.
        /// </summary>
        private async Task<AgwAnswer> Start(Func<NativeCall> prepare, CancellationToken token)
        {
            try
            {
                return await Task.Factory.StartNew(
                    () => Call(prepare(), token),
                    token,
                    TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach,
                    TaskScheduler.Default).ConfigureAwait(false);
            }
            catch (AgwCancelledException why) when (token.IsCancellationRequested)
            {
                throw new OperationCanceledException(why.Message, why, token);
            }
        }

        private AgwAnswer Call(NativeCall call, CancellationToken token)
        {
            Lane lane = lanes.Enter(token.CanBeCanceled);
            try
            {
                using (token.CanBeCanceled ? new TokenCancel(lane.Handle.Ticket, token) : null)
                {
                    return Run(call, lane.Handle.Ticket);
                }
            }
            finally
            {
                lanes.Leave(lane);
                GC.KeepAlive(this);
            }
        }

        private AgwAnswer Run(NativeCall call, IntPtr client)
        {
            NativeResult result = NativeResult.Create();
            int status = call(client, ref result);
            ClientHandle.AbortIfWanted();
            if (status == (int)AgwStatus.InvalidHandle && lanes.Closed)
            {
                throw Lanes.Gone();
            }
            Outcome outcome = Outcome.Read(status, ref result);
            if (status != (int)AgwStatus.Ok)
            {
                throw AgwException.From(outcome);
            }
            return new AgwAnswer(outcome);
        }
    }
}
