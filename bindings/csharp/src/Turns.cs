// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;

namespace Agw
{
    /// <summary>
    /// The asynchronous calls of a client. Each blocks a thread of its own, so that it does not starve
    /// the thread pool; there are so many at most, and further calls wait their turn, whose time-out
    /// goes on meanwhile: at its end one that still waits is not begun, and one that goes on is ended.
    /// </summary>
    internal sealed class Turns
    {
        internal const int Most = 64;

        private readonly SemaphoreSlim free = new SemaphoreSlim(Most);
        private readonly int timeout;

        /// <summary>Ends those that wait; another one takes its place as soon as it is to do so.</summary>
        private CancellationTokenSource stop = new CancellationTokenSource();

        internal Turns(uint timeoutMilliseconds)
        {
            timeout = (int)Math.Min(timeoutMilliseconds, int.MaxValue);
        }

        /// <summary>Runs a call that ends with its token.</summary>
        internal async Task<T> Run<T>(Func<CancellationToken, T> call, CancellationToken token)
        {
            if (await free.WaitAsync(0, token).ConfigureAwait(false))
            {
                return await Begin(call, token).ConfigureAwait(false);
            }
            return await Wait(call, token, Volatile.Read(ref stop)).ConfigureAwait(false);
        }

        /// <summary>Ends the calls that wait, in another thread: what awaits them may run there.</summary>
        internal void Stop()
        {
            CancellationTokenSource old = Interlocked.Exchange(ref stop, new CancellationTokenSource());
            ThreadPool.QueueUserWorkItem(state => old.Cancel());
        }

        private async Task<T> Wait<T>(
            Func<CancellationToken, T> call, CancellationToken token, CancellationTokenSource own)
        {
            Stopwatch watch = Stopwatch.StartNew();
            using (CancellationTokenSource end =
                CancellationTokenSource.CreateLinkedTokenSource(token, own.Token))
            {
                end.CancelAfter(timeout);
                try
                {
                    await free.WaitAsync(end.Token).ConfigureAwait(false);
                    // Both may come late: where the thread pool is busy, say.
                    if (watch.ElapsedMilliseconds >= timeout || own != Volatile.Read(ref stop))
                    {
                        end.Cancel();
                    }
                    return await Begin(call, end.Token).ConfigureAwait(false);
                }
                catch (OperationCanceledException why)
                {
                    Exception inner = why.InnerException;
                    if (token.IsCancellationRequested)
                    {
                        throw new OperationCanceledException(why.Message, inner, token);
                    }
                    bool stopped = own != Volatile.Read(ref stop);
                    throw Ended(stopped ? AgwStatus.Cancelled : AgwStatus.Timeout, inner, watch.Elapsed);
                }
            }
        }

        private async Task<T> Begin<T>(Func<CancellationToken, T> call, CancellationToken token)
        {
            try
            {
                return await Task.Factory.StartNew(
                    () => call(token),
                    CancellationToken.None,
                    TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach,
                    TaskScheduler.Default).ConfigureAwait(false);
            }
            finally
            {
                free.Release();
            }
        }

        private static AgwException Ended(AgwStatus status, Exception inner, TimeSpan elapsed)
        {
            AgwCancelledException begun = inner as AgwCancelledException;
            bool maybeSent = begun != null && begun.MaybeSent;
            string detail = "too many calls at once: this one had to wait for others to end";
            return AgwException.From(new Outcome
            {
                Status = status,
                Flags = maybeSent ? ResultFlags.MaybeSent : ResultFlags.None,
                ElapsedMicroseconds = (uint)Math.Min(elapsed.TotalMilliseconds * 1000, uint.MaxValue),
                Detail = maybeSent ? detail : detail + ", and was not sent",
            });
        }
    }
}
