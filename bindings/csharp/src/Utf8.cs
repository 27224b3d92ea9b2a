// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Text;

namespace Agw
{
    /// <summary>UTF-8 by hand: .NET Framework 4.6.1 cannot marshal it.</summary>
    internal static class Utf8
    {
        private static readonly Encoding Strict = new UTF8Encoding(false, true);

        /// <summary>Room for it and the NUL that ends it.</summary>
        /// <exception cref="AgwInvalidArgumentException">
        /// It holds a NUL, at which C would cut it, or half of a surrogate pair.
        /// </exception>
        internal static byte[] Room(string text, string name)
        {
            if (text.IndexOf('\0') >= 0)
            {
                throw new AgwInvalidArgumentException(Outcome.BadText(name, "holds a NUL"));
            }
            try
            {
                return new byte[Strict.GetByteCount(text) + 1];
            }
            catch (EncoderFallbackException)
            {
                // Not as the inner exception: its message shows a part of the text.
                throw new AgwInvalidArgumentException(Outcome.BadText(name, "not valid Unicode"));
            }
        }

        /// <summary>Into what Room has made; the NUL is there.</summary>
        internal static void Fill(byte[] room, string text)
        {
            Strict.GetBytes(text, 0, text.Length, room, 0);
        }

        /// <summary>A text of the library's, up to its NUL.</summary>
        internal static unsafe string FromNative(IntPtr text)
        {
            return text == IntPtr.Zero ? "" : FromNative((byte*)text, int.MaxValue);
        }

        internal static unsafe string FromNative(byte* text, int size)
        {
            int length = 0;
            while (length < size && text[length] != 0)
            {
                length++;
            }
            return length == 0 ? "" : Encoding.UTF8.GetString(text, length);
        }
    }
}
