// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Collections.Generic;
using System.Threading;

namespace Agw
{
    /// <summary>
    /// The native clients behind one <see cref="AgwClient"/>. agw_cancel ends all calls of a native
    /// client, but a cancellation token is about one call: a call with a token therefore has a native
    /// client to itself. As long as calls with tokens do not overlap others, there is only the first.
    /// </summary>
    internal sealed class Lanes : IDisposable
    {
        /// <summary>Idle ones kept for the next burst, besides the first.</summary>
        private const int MostIdle = 8;

        private readonly object gate = new object();
        private readonly List<Lane> all = new List<Lane>();
        private readonly Func<ClientHandle> make;
        private int making;
        private bool closed;

        internal Lanes(Func<ClientHandle> make)
        {
            this.make = make;
            all.Add(new Lane(make()));
        }

        /// <summary>A lane for one call, to be given back to <see cref="Leave"/>.</summary>
        internal Lane Enter(bool alone)
        {
            lock (gate)
            {
                ThrowIfClosed();
                Lane free = all.Find(lane => lane.Takes(alone));
                if (free != null)
                {
                    free.Enter(alone);
                    return free;
                }
                making++;
            }
            return Added(Made(), alone);
        }

        internal void Leave(Lane lane)
        {
            lock (gate)
            {
                lane.Leave();
                if (!IsSurplus(lane) || !all.Remove(lane))
                {
                    return;
                }
            }
            lane.Handle.Dispose();
        }

        /// <summary>Ends the calls in progress on all of them.</summary>
        internal void Cancel()
        {
            foreach (Lane lane in Snapshot())
            {
                int status = NativeMethods.agw_cancel(lane.Handle.Ticket);
                if (status == (int)AgwStatus.Reentrant)
                {
                    throw AgwException.From(new Outcome { Status = AgwStatus.Reentrant });
                }
            }
        }

        internal bool Closed
        {
            get
            {
                lock (gate)
                {
                    return closed;
                }
            }
        }

        internal int Count
        {
            get
            {
                lock (gate)
                {
                    return all.Count;
                }
            }
        }

        public void Dispose()
        {
            List<Lane> last;
            lock (gate)
            {
                closed = true;
                last = new List<Lane>(all);
                all.Clear();
            }
            // Outside of the lock: agw_free waits for log handlers, which may want it.
            last.ForEach(lane => lane.Handle.Dispose());
            lock (gate)
            {
                // A client that is being made logs, too. A handler that disposes is not to wait for
                // another one, which may dispose as well.
                while (making > 0 && !LogSink.Inside)
                {
                    Monitor.Wait(gate);
                }
            }
        }

        /// <summary>Outside of the lock: this reads certificates, and logs.</summary>
        private Lane Made()
        {
            try
            {
                return new Lane(make());
            }
            finally
            {
                lock (gate)
                {
                    making--;
                    Monitor.PulseAll(gate);
                }
            }
        }

        private Lane Added(Lane made, bool alone)
        {
            lock (gate)
            {
                if (!closed)
                {
                    made.Enter(alone);
                    all.Add(made);
                    return made;
                }
            }
            made.Handle.Dispose();
            throw Gone();
        }

        private bool IsSurplus(Lane lane)
        {
            return lane.Takes(true) && all.IndexOf(lane) > 0
                && all.FindAll(other => other.Takes(true)).Count > MostIdle;
        }

        private List<Lane> Snapshot()
        {
            lock (gate)
            {
                ThrowIfClosed();
                return new List<Lane>(all);
            }
        }

        private void ThrowIfClosed()
        {
            if (closed)
            {
                throw Gone();
            }
        }

        internal static ObjectDisposedException Gone()
        {
            return new ObjectDisposedException(typeof(AgwClient).FullName);
        }
    }

    /// <summary>A native client, and who is on it: any number of calls, or one alone.</summary>
    internal sealed class Lane
    {
        private int calls;
        private bool alone;

        internal Lane(ClientHandle handle)
        {
            Handle = handle;
        }

        internal ClientHandle Handle { get; }

        internal bool Takes(bool oneAlone)
        {
            return oneAlone ? calls == 0 : !alone;
        }

        internal void Enter(bool oneAlone)
        {
            calls++;
            alone = oneAlone;
        }

        internal void Leave()
        {
            calls--;
            alone = false;
        }
    }
}
