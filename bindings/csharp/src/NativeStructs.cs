// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Agw
{
    /// <summary>
    /// agw_client_options: 32 bytes and nine pointers. Sequential, since the offsets depend on the
    /// size of a pointer; blittable, so it is passed as it lies.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 8)]
    internal struct NativeOptions
    {
        internal uint struct_size;
        internal OptionFlags flags;
        internal uint timeout_ms;
        internal uint connect_timeout_ms;
        internal uint max_agent_id;
        internal AgwTrust tls_trust;
        internal IntPtr base_url;
        internal IntPtr connect_to;
        internal IntPtr ca;
        internal IntPtr pin_sha256;
        internal IntPtr client_cert;
        internal IntPtr client_key;
        internal IntPtr proxy;
        internal IntPtr log;
        internal IntPtr log_user_data;
        internal AgwLogLevel log_level;
        internal uint reserved;
    }

    /// <summary>agw_result: 1088 bytes everywhere. Blittable, without pointers.</summary>
    [StructLayout(LayoutKind.Explicit, Size = NativeResult.Size)]
    internal unsafe struct NativeResult
    {
        internal const int Size = 1088;
        internal const int RetcodeSize = 32;
        internal const int MessageSize = 512;
        internal const int DetailSize = 512;

        [FieldOffset(0)] internal uint struct_size;
        [FieldOffset(4)] internal AgwStatus status;
        [FieldOffset(8)] internal int http_status;
        [FieldOffset(12)] internal int os_error;
        [FieldOffset(16)] internal ResultFlags flags;
        [FieldOffset(20)] internal uint elapsed_us;
        [FieldOffset(24)] internal int cti_code;
        [FieldOffset(28)] internal uint call_id;
        [FieldOffset(32)] internal fixed byte retcode[RetcodeSize];
        [FieldOffset(64)] internal fixed byte message[MessageSize];
        [FieldOffset(576)] internal fixed byte detail[DetailSize];

        internal static NativeResult Create()
        {
            return new NativeResult { struct_size = Size };
        }
    }

    /// <summary>
    /// agw_sign_in_options: 8 bytes and four pointers. Sequential and blittable, as NativeOptions.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 8)]
    internal struct NativeSignIn
    {
        internal uint struct_size;
        internal SignInFlags flags;
        internal IntPtr agent_id;
        internal IntPtr password;
        internal IntPtr phone;
        internal IntPtr fields;
    }

    /// <summary>agw_event: 4096 bytes everywhere. Blittable, without pointers.</summary>
    [StructLayout(LayoutKind.Explicit, Size = NativeEvent.Size)]
    internal unsafe struct NativeEvent
    {
        internal const int Size = 4096;
        internal const int TypeSize = 64;
        internal const int WorkNoSize = 32;
        internal const int ContentSize = 3976;

        [FieldOffset(0)] internal uint struct_size;
        [FieldOffset(4)] internal EventFlags flags;
        [FieldOffset(8)] internal long conf_id;
        [FieldOffset(16)] internal long generated_ms;
        [FieldOffset(24)] internal fixed byte type[TypeSize];
        [FieldOffset(88)] internal fixed byte work_no[WorkNoSize];
        [FieldOffset(120)] internal fixed byte content[ContentSize];
    }

    /// <summary>agw_session: 2048 bytes everywhere. Blittable, without pointers. Holds secrets.</summary>
    [StructLayout(LayoutKind.Explicit, Size = NativeSession.Size)]
    internal unsafe struct NativeSession
    {
        internal const int Size = 2048;
        internal const int GuidSize = 264;
        internal const int CookieSize = 1776;

        [FieldOffset(0)] internal uint struct_size;
        [FieldOffset(4)] internal uint reserved;
        [FieldOffset(8)] internal fixed byte guid[GuidSize];
        [FieldOffset(272)] internal fixed byte cookie[CookieSize];

        /// <summary>Not inlined: a compiler must not find that nobody reads what it writes.</summary>
        [MethodImpl(MethodImplOptions.NoInlining)]
        internal void Clear()
        {
            fixed (byte* secret = guid)
            {
                for (int at = 0; at < GuidSize + CookieSize; at++)
                {
                    secret[at] = 0;
                }
            }
        }
    }

    /// <summary>Whether this runtime lays the structs out as the library does.</summary>
    internal static class Layout
    {
        internal static readonly int OptionsSize = 32 + 9 * IntPtr.Size;
        internal static readonly int SignInSize = 8 + 4 * IntPtr.Size;

        internal static void Check()
        {
            Same(OptionsSize, Marshal.SizeOf(typeof(NativeOptions)), "the size of agw_client_options");
            Same(24, Offset<NativeOptions>("base_url"), "base_url");
            Same(24 + 9 * IntPtr.Size, Offset<NativeOptions>("log_level"), "log_level");
            Same(NativeResult.Size, Marshal.SizeOf(typeof(NativeResult)), "the size of agw_result");
            Same(576, Offset<NativeResult>("detail"), "detail");
            Same(SignInSize, Marshal.SizeOf(typeof(NativeSignIn)), "the size of agw_sign_in_options");
            Same(8 + 3 * IntPtr.Size, Offset<NativeSignIn>("fields"), "fields");
            Same(NativeEvent.Size, Marshal.SizeOf(typeof(NativeEvent)), "the size of agw_event");
            Same(8, Offset<NativeEvent>("conf_id"), "conf_id");
            Same(120, Offset<NativeEvent>("content"), "content");
            Same(NativeSession.Size, Marshal.SizeOf(typeof(NativeSession)), "the size of agw_session");
            Same(272, Offset<NativeSession>("cookie"), "cookie");
        }

        private static int Offset<T>(string field)
        {
            return (int)Marshal.OffsetOf(typeof(T), field);
        }

        private static void Same(int wanted, int found, string what)
        {
            if (wanted != found)
            {
                throw new NotSupportedException(
                    "this runtime has " + what + " at " + found + " instead of " + wanted);
            }
        }
    }
}
