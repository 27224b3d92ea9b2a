// SPDX-License-Identifier: MIT OR Apache-2.0
using System;

namespace Agw
{
    /// <summary>
    /// Where the log lines of a client go. It does not hold the client: native code holds the sink,
    /// and a client that nobody disposed must stay collectable.
    /// </summary>
    internal sealed class LogSink
    {
        private readonly WeakReference<AgwClient> client;

        internal LogSink(AgwClient client, EventHandler<AgwLogEventArgs> first)
        {
            this.client = new WeakReference<AgwClient>(client);
            Handlers += first;
        }

        /// <summary>The accessors of a field-like event are safe in any thread.</summary>
        internal event EventHandler<AgwLogEventArgs> Handlers;

        /// <summary>Nothing that a handler throws comes out of here, nor keeps it from the next.</summary>
        internal void Write(AgwLogLevel level, string message)
        {
            EventHandler<AgwLogEventArgs> handlers = Handlers;
            if (handlers == null)
            {
                return;
            }
            AgwClient sender;
            client.TryGetTarget(out sender);
            AgwLogEventArgs line = new AgwLogEventArgs(level, message);
            foreach (Delegate handler in handlers.GetInvocationList())
            {
                Call((EventHandler<AgwLogEventArgs>)handler, sender, line);
            }
        }

        private static void Call(
            EventHandler<AgwLogEventArgs> handler, AgwClient sender, AgwLogEventArgs line)
        {
            try
            {
                handler(sender, line);
            }
            catch (Exception)
            {
                // The caller of the library is C, which nothing may be thrown through.
            }
        }
    }
}
