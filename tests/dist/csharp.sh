#!/bin/sh
# The NuGet package, installed by NuGet (Debian's 2.8): a program on Mono with either assembly, and
# build/Agw.Client.targets, which xbuild (Mono's MSBuild) carries out.
#
#     tests/dist/csharp.sh PACKAGE                            (environment as in gateway.sh)
set -eu

. "$(dirname "$0")/../shell.sh"

packages=$(cd "$(dirname "$1")" && pwd)
readme=$(cd "$(dirname "$0")/../.." && pwd)/bindings/csharp/README.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The first of its examples.
# shellcheck disable=SC2016 # the backquotes are Markdown's
sed -n '/^```csharp$/,/^```$/{p;/^```$/q}' "$readme" | grep -v '^```' >"$work/Example.cs"
cd "$work"
HOME=$work nuget install Agw.Client -NoCache -Source "$packages" -OutputDirectory installed \
    >log 2>&1 || { cat log; fail "NuGet does not install it"; }
version=$(echo installed/Agw.Client.* | sed 's/.*Agw\.Client\.//')
mv installed/Agw.Client.* package

# What an assembly says of itself: its version, and the framework that it is for.
cat >Says.cs <<'EOF'
using System;
using System.Reflection;
using System.Runtime.Versioning;

internal static class Says
{
    private static void Main(string[] arguments)
    {
        Assembly assembly = Assembly.LoadFrom(arguments[0]);
        Console.WriteLine("{0} {1}", assembly.GetName().Version,
            assembly.GetCustomAttribute<TargetFrameworkAttribute>().FrameworkName);
    }
}
EOF
mcs -out:Says.exe Says.cs
says() {
    said=$(mono Says.exe package/lib/"$1"/Agw.Net.dll)
    [ "$said" = "$2" ] || fail "lib/$1 says that it is $said"
}
says net462 "$version.0 .NETFramework,Version=v4.6.2"
says netstandard2.0 "$version.0 .NETStandard,Version=v2.0"

for framework in net462 netstandard2.0; do
    mkdir $framework
    cp package/lib/$framework/Agw.Net.dll package/runtimes/linux-x64/native/libagw.so $framework/
    mcs -langversion:7 -r:$framework/Agw.Net.dll -out:$framework/Example.exe Example.cs
    code=0
    line=$(LC_ALL=C.UTF-8 LD_LIBRARY_PATH=$work/$framework mono $framework/Example.exe \
        "$AGW_TEST_URL" "$AGW_TEST_CA" 155) || code=$?
    case "$code $line" in
    "0 302 "*101-001*) ;;
    *) fail "with lib/$framework the example ended with $code: $line" ;;
    esac
done

# A project as NuGet makes it: the package's targets are imported, then the build copies.
beside() { # what is expected beside the program, target framework, further properties
    rm -rf out obj
    cat >program.csproj <<EOF
<Project DefaultTargets="Build" ToolsVersion="4.0" xmlns="http://schemas.microsoft.com/developer/msbuild/2003">
  <PropertyGroup>
    <Configuration>Release</Configuration>
    <OutputType>Exe</OutputType>
    <AssemblyName>program</AssemblyName>
    <OutputPath>out/</OutputPath>
    <TargetFrameworkVersion>v4.5</TargetFrameworkVersion>
    $3
  </PropertyGroup>
  <PropertyGroup><TargetFrameworkIdentifier>$2</TargetFrameworkIdentifier></PropertyGroup>
  <Import Project="package/build/Agw.Client.targets" />
  <Import Project="\$(MSBuildToolsPath)/Microsoft.CSharp.targets" />
  <!-- What the program is does not matter, and Debian lacks the assemblies to compile against. -->
  <Target Name="CoreCompile">
    <WriteLinesToFile File="@(IntermediateAssembly)" Lines="compiled" Overwrite="true" />
  </Target>
</Project>
EOF
    xbuild /nologo /verbosity:quiet program.csproj >log 2>&1 || { cat log; fail "xbuild, $2 $3"; }
    found=none
    for rid in win-x64 win-x86; do
        ! cmp -s out/agw.dll package/runtimes/$rid/native/agw.dll || found=$rid
    done
    [ $found = "$1" ] || { cat log; fail "for $2 $3 the DLL is $found instead of $1"; }
}
beside win-x64 .NETFramework ""
beside win-x64 .NETFramework "<PlatformTarget>x64</PlatformTarget>"
beside win-x86 .NETFramework "<PlatformTarget>x86</PlatformTarget>"
beside win-x86 .NETFramework "<Prefer32Bit>true</Prefer32Bit>"
beside win-x86 .NETFramework "<AgwNativeRid>win-x86</AgwNativeRid>"
# Shown to fail: without the package's DLL nothing is copied, and the build warns of it.
rm package/runtimes/win-x86/native/agw.dll
beside none .NETFramework "<PlatformTarget>x86</PlatformTarget>"
grep -q 'no agw.dll for win-x86' log || fail "no warning where the DLL is missing"
echo "dist/csharp: both assemblies call on Mono; the targets put the right agw.dll beside a program"
