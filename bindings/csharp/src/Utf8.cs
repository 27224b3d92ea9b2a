// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Text;

namespace Agw
{
    /// <summary>UTF-8 by hand: .NET Framework 4.6.1 cannot marshal it.</summary>
    internal static class Utf8
    {
        private static readonly Encoding Strict = new UTF8Encoding(false, true);

        /// <summary>With the NUL that ends it; null stays null.</summary>
        /// <exception cref="AgwInvalidArgumentException">
        /// It holds a NUL, at which C would cut it, or half of a surrogate pair.
        /// </exception>
        internal static byte[] ToNative(string text, string name)
        {
            if (text == null)
            {
                return null;
            }
            if (text.IndexOf('\0') >= 0)
            {
                throw new AgwInvalidArgumentException(Outcome.BadText(name, "holds a NUL"));
            }
            byte[] bytes = new byte[Strict.GetMaxByteCount(text.Length) + 1];
            try
            {
                int length = Strict.GetBytes(text, 0, text.Length, bytes, 0);
                Array.Resize(ref bytes, length + 1);
                return bytes;
            }
            catch (EncoderFallbackException)
            {
                // Not as the inner exception: its message shows a part of the text.
                throw new AgwInvalidArgumentException(Outcome.BadText(name, "not valid Unicode"));
            }
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
