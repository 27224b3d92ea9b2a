// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;

namespace Agw
{
    /// <summary>
    /// The asynchronous calls of a client, of one kind. Each blocks a thread of its own, so that it does
    /// not starve the thread pool; there are so many at most, and further calls wait their turn, whose
    /// time-out goes on meanwhile: at its end one that still waits is not begun, and one that goes on is
    /// ended.
    /// </summary>
    internal sealed class Turns
    {
        internal const int MostCalls = 64;
        internal const int MostPolls = 1000;

        /// <summary>
        /// A call needs 64 KiB on CoreCLR; the rest is for the program's log handler, which runs in it. A
        /// thousand of them fit into a 32-bit process.
        /// </summary>
        internal const int PollStack = 256 * 1024;

        private readonly SemaphoreSlim free;
        private readonly int timeout;
        private readonly int stack;

        /// <summary>Ends those that wait; another one takes its place as soon as it is to do so.</summary>
        private CancellationTokenSource stop = new CancellationTokenSource();

        /// <param name="most">How many at once.</param>
        /// <param name="milliseconds">The time-out.</param>
        /// <param name="stack">Of a thread, in bytes; 0: the runtime's own.</param>
        internal Turns(int most, long milliseconds, int stack)
        {
            free = new SemaphoreSlim(most);
            timeout = (int)Math.Min(milliseconds, int.MaxValue);
            this.stack = stack;
        }

        /// <summary>Is cancelled by the next Stop.</summary>
        internal CancellationToken Stopped
        {
            get { return Volatile.Read(ref stop).Token; }
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
                        free.Release();
                        throw new OperationCanceledException();
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

        private Task<T> Begin<T>(Func<CancellationToken, T> call, CancellationToken token)
        {
            // What awaits the call may run in its thread, unless the stack is too small for anything.
            TaskCompletionSource<T> end = new TaskCompletionSource<T>(stack == 0
                ? TaskCreationOptions.None
                : TaskCreationOptions.RunContinuationsAsynchronously);
            try
            {
                new Thread(() => Work(call, token, end), stack) { IsBackground = true }.Start();
            }
            catch
            {
                free.Release();
                throw;
            }
            return end.Task;
        }

        /// <summary>The turn is over before what awaits the call runs.</summary>
        private void Work<T>(
            Func<CancellationToken, T> call, CancellationToken token, TaskCompletionSource<T> end)
        {
            T result;
            try
            {
                result = call(token);
            }
            catch (Exception why)
            {
                free.Release();
                end.TrySetException(why);
                return;
            }
            free.Release();
            end.TrySetResult(result);
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
