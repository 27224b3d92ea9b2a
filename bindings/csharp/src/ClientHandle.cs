// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Runtime.InteropServices;
using System.Threading;
using Microsoft.Win32.SafeHandles;

namespace Agw
{
    /// <summary>
    /// A native client, freed once, at the latest by the finalizer. The value is a ticket that is
    /// never issued again: using it late is an error code, not a crash.
    /// </summary>
    internal sealed class ClientHandle : SafeHandleZeroOrMinusOneIsInvalid
    {
        /// <summary>One for all, in a static field: the garbage collector never takes it.</summary>
        private static readonly NativeLog LogFunction = OnLog;

        private static readonly IntPtr LogPointer =
            Marshal.GetFunctionPointerForDelegate(LogFunction);

        [ThreadStatic]
        private static bool abortWanted;

        /// <summary>Keeps the sink until agw_free has returned.</summary>
        private GCHandle sink;

        private ClientHandle(LogSink sink)
            : base(true)
        {
            this.sink = GCHandle.Alloc(sink);
        }

        internal IntPtr Ticket
        {
            get { return handle; }
        }

        /// <exception cref="AgwException">An option cannot be used.</exception>
        internal static ClientHandle Create(AgwClientOptions options, LogSink sink)
        {
            ClientHandle made = new ClientHandle(sink);
            try
            {
                made.Fill(options);
                return made;
            }
            catch
            {
                made.Discard();
                throw;
            }
        }

        /// <summary>
        /// Ends the call that has this number. Inside a log handler the library ends none: then it is
        /// done in another thread.
        /// </summary>
        internal void CancelCall(uint id)
        {
            if (NativeMethods.agw_cancel_call(handle, id) == (int)AgwStatus.Reentrant)
            {
                ThreadPool.QueueUserWorkItem(state => NativeMethods.agw_cancel_call(handle, id));
            }
        }

        protected override bool ReleaseHandle()
        {
            int status = NativeMethods.agw_free(handle);
            if (status == (int)AgwStatus.Reentrant)
            {
                // Disposed inside a log handler: freed in another thread, once the handler is done.
                ThreadPool.QueueUserWorkItem(FreeLater);
                return true;
            }
            sink.Free();
            return status == (int)AgwStatus.Ok;
        }

        private void Fill(AgwClientOptions options)
        {
            using (PinnedTexts texts = new PinnedTexts())
            {
                NativeOptions native = Native(options, texts);
                native.log = LogPointer;
                native.log_user_data = GCHandle.ToIntPtr(sink);
                NativeResult result = NativeResult.Create();
                int status = 0;
                try
                {
                }
                finally // as in AgwClient.Run
                {
                    IntPtr client;
                    status = NativeMethods.agw_client_new(ref native, out client, ref result);
                    SetHandle(client);
                }
                AbortIfWanted();
                if (status != (int)AgwStatus.Ok)
                {
                    throw AgwException.From(Outcome.Read(status, ref result));
                }
            }
        }

        private static NativeOptions Native(AgwClientOptions options, PinnedTexts texts)
        {
            return new NativeOptions
            {
                struct_size = (uint)Layout.OptionsSize,
                flags = Flags(options),
                timeout_ms = AgwClientOptions.Milliseconds(options.WholeCall),
                connect_timeout_ms = AgwClientOptions.Milliseconds(options.ConnectTimeout),
                max_agent_id = (uint)options.MaxAgentId,
                tls_trust = options.Trust,
                base_url = texts.Add(options.BaseUrl, "base_url"),
                connect_to = texts.Add(options.ConnectTo, "connect_to"),
                ca = texts.Add(options.Ca, "ca"),
                pin_sha256 = texts.Add(options.PinSha256, "pin_sha256"),
                client_cert = texts.Add(options.ClientCert, "client_cert"),
                client_key = texts.Add(options.ClientKey, "client_key"),
                proxy = texts.Add(options.Proxy, "proxy"),
                log_level = options.LogLevel,
            };
        }

        private static OptionFlags Flags(AgwClientOptions options)
        {
            OptionFlags flags = OptionFlags.None;
            flags |= options.AllowHttp ? OptionFlags.AllowHttp : OptionFlags.None;
            flags |= options.NoKeepAlive ? OptionFlags.NoKeepAlive : OptionFlags.None;
            return flags;
        }

        /// <summary>There is no client: the sink is all there is to let go.</summary>
        private void Discard()
        {
            if (IsInvalid)
            {
                sink.Free();
            }
            Dispose();
        }

        private void FreeLater(object state)
        {
            NativeMethods.agw_free(handle);
            sink.Free();
        }

        /// <summary>
        /// Ends this thread if a handler was to be ended with it. To be called behind each native
        /// call: only here there is nothing of C to go through.
        /// </summary>
        internal static void AbortIfWanted()
        {
            if (abortWanted)
            {
                abortWanted = false;
                Thread.CurrentThread.Abort();
            }
        }

        private static void OnLog(int level, IntPtr message, IntPtr userData)
        {
            try
            {
                LogSink sink = (LogSink)GCHandle.FromIntPtr(userData).Target;
                sink.Write((AgwLogLevel)level, Utf8.FromNative(message));
            }
            catch (ThreadAbortException)
            {
                // It would be thrown again at the end of this block, and through C.
                Thread.ResetAbort();
                abortWanted = true;
            }
            catch (Exception)
            {
                // Out of memory, say: a lost line, but nothing thrown through C.
            }
        }
    }
}
