// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Threading;

namespace Agw
{
    /// <summary>
    /// While it lives, a token's cancellation ends the call on a native client. agw_cancel does not
    /// touch a call that is yet to begin, so it is repeated until the call has ended.
    /// </summary>
    internal sealed class TokenCancel : IDisposable
    {
        private const int RepeatMilliseconds = 10;

        private readonly object gate = new object();
        private readonly IntPtr client;
        private readonly CancellationTokenRegistration registration;
        private Timer timer;
        private bool over;

        internal TokenCancel(IntPtr client, CancellationToken token)
        {
            this.client = client;
            registration = token.Register(Begin, false);
        }

        public void Dispose()
        {
            lock (gate)
            {
                over = true;
                timer?.Dispose();
            }
            // Outside of the lock: it waits for Begin.
            registration.Dispose();
        }

        private void Begin()
        {
            lock (gate)
            {
                if (over)
                {
                    return;
                }
                timer = new Timer(Again, null, RepeatMilliseconds, RepeatMilliseconds);
                NativeMethods.agw_cancel(client);
            }
        }

        private void Again(object state)
        {
            lock (gate)
            {
                if (!over)
                {
                    NativeMethods.agw_cancel(client);
                }
            }
        }
    }
}
