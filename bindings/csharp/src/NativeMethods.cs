// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Runtime.InteropServices;

namespace Agw
{
    /// <summary>
    /// agw.h, function by function. A client is passed as the bare ticket: the library recognises one
    /// that was freed, and agw_free is to end calls in progress rather than to wait for them, as it
    /// would if each call held a reference of a SafeHandle.
    /// </summary>
    internal static class NativeMethods
    {
        private const string Library = "agw";

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int agw_client_new(
            ref NativeOptions options, out IntPtr client, ref NativeResult result);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int agw_reject_agent_conf(
            IntPtr client, IntPtr agentId, IntPtr guid, ref NativeResult result);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int agw_sign_in(
            IntPtr client, ref NativeSignIn options, ref NativeResult result);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int agw_next_event(
            IntPtr client, IntPtr agentId, ref NativeEvent happened, ref NativeResult result);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int agw_sign_out(
            IntPtr client, IntPtr agentId, ref NativeResult result);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int agw_set_session(
            IntPtr client, IntPtr agentId, IntPtr guid, IntPtr cookie, ref NativeResult result);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int agw_get_session(
            IntPtr client, IntPtr agentId, ref NativeSession session, ref NativeResult result);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int agw_connect(IntPtr client, ref NativeResult result);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int agw_cancel(IntPtr client);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int agw_cancel_call(IntPtr client, uint call_id);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int agw_free(IntPtr client);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern IntPtr agw_strerror(int status);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern IntPtr agw_version();

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern uint agw_version_num();
    }

    /// <summary>agw_log_fn.</summary>
    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    internal delegate void NativeLog(int level, IntPtr message, IntPtr userData);

    /// <summary>Bits of agw_client_options.flags.</summary>
    [Flags]
    internal enum OptionFlags : uint
    {
        None = 0,
        AllowHttp = 1,
        NoKeepAlive = 2,
    }

    /// <summary>Bits of agw_result.flags.</summary>
    [Flags]
    internal enum ResultFlags : uint
    {
        None = 0,
        MaybeSent = 1,
        Resent = 2,
        Truncated = 4,
    }

    /// <summary>Bits of agw_sign_in_options.flags.</summary>
    [Flags]
    internal enum SignInFlags : uint
    {
        None = 0,
        Force = 1,
    }

    /// <summary>Bits of agw_event.flags.</summary>
    [Flags]
    internal enum EventFlags : uint
    {
        None = 0,
        Truncated = 1,
    }
}
