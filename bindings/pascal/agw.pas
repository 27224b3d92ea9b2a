{ agw for Delphi and Free Pascal: the functions, records and numbers of agw.h, under its names.

  What they do is told there; README.md beside this file tells how they are used from Pascal.
  SPDX-License-Identifier: MIT OR Apache-2.0 }
unit agw;

{$IFDEF FPC}
  {$MODE DELPHI}
  {$PACKRECORDS C}
{$ELSE}
  {$ALIGN 8}
{$ENDIF}

interface

const
{$IF Defined(MSWINDOWS)}
  AGW_LIBRARY = 'agw.dll';
{$ELSEIF Defined(FPC)}
  AGW_LIBRARY = 'agw'; // the linker makes libagw.so.1 of it
{$ELSE}
  AGW_LIBRARY = 'libagw.so.1';
{$IFEND}

  AGW_EVENT_CONF_RINGING = 'AgentConf_Ringing';
  AGW_EVENT_PHONE_RELEASE = 'AgentOther_PhoneRelease';
  AGW_EVENT_READY = 'AgentState_Ready';
  AGW_EVENT_CONF_PARTICIPANT_CHANGED = 'AgentConf_ParticipantChanged';

  AGW_OK = 0;
  AGW_E_INVALID_ARGUMENT = 1;
  AGW_E_STRUCT_SIZE = 2;
  AGW_E_INVALID_HANDLE = 3;
  AGW_E_REENTRANT = 4;
  AGW_E_RESOURCES = 5;
  AGW_E_INVALID_URL = 6;
  AGW_E_INVALID_AGENT_ID = 7;
  AGW_E_INVALID_GUID = 8;
  AGW_E_TLS_CONFIG = 9;
  AGW_E_POLLING = 10;
  AGW_E_RESOLVE = 100;
  AGW_E_CONNECT = 101;
  AGW_E_TLS = 102;
  AGW_E_TIMEOUT = 103;
  AGW_E_IO = 104;
  AGW_E_CANCELLED = 105;
  AGW_E_PROXY = 106;
  AGW_E_HTTP = 200;
  AGW_E_PROTOCOL = 201;
  AGW_E_TOO_LARGE = 202;
  AGW_E_GATEWAY = 300;
  AGW_E_SESSION = 301;
  AGW_E_NO_CONFERENCE = 302;
  AGW_E_BAD_REQUEST = 303;
  AGW_E_GATEWAY_FAULT = 304;
  AGW_E_GATEWAY_BUSY = 305;
  AGW_E_INTERNAL = 900;

  AGW_HEADER_VERSION = 65536;

  AGW_RESULT_MAYBE_SENT = 1;
  AGW_RESULT_RESENT = 2;
  AGW_RESULT_TRUNCATED = 4;

  AGW_TRUST_SYSTEM = 0;
  AGW_TRUST_CA = 1;
  AGW_TRUST_PIN = 2;
  AGW_TRUST_DANGER_ANY = 3;

  AGW_ALLOW_HTTP = 1;
  AGW_NO_KEEP_ALIVE = 2;

  AGW_SIGN_IN_FORCE = 1;
  AGW_EVENT_TRUNCATED = 1;

  AGW_LOG_ERROR = 1;
  AGW_LOG_WARN = 2;
  AGW_LOG_INFO = 3;
  AGW_LOG_DEBUG = 4;

type
  PPAgwClient = ^PAgwClient;
  PAgwClient = ^TAgwClient; // a ticket, not an address
  TAgwClient = record
  end;

  TAgwLogFn = procedure(level: Integer; message: PAnsiChar; user_data: Pointer); cdecl;

  PAgwClientOptions = ^TAgwClientOptions;
  TAgwClientOptions = record
    struct_size: Cardinal;
    flags: Cardinal;
    timeout_ms: Cardinal;
    connect_timeout_ms: Cardinal;
    max_agent_id: Cardinal;
    tls_trust: Integer;
    base_url: PAnsiChar;
    connect_to: PAnsiChar;
    ca: PAnsiChar;
    pin_sha256: PAnsiChar;
    client_cert: PAnsiChar;
    client_key: PAnsiChar;
    proxy: PAnsiChar;
    log: TAgwLogFn;
    log_user_data: Pointer;
    log_level: Integer;
    reserved: Cardinal;
  end;

  PAgwResult = ^TAgwResult;
  TAgwResult = record
    struct_size: Cardinal;
    status: Integer;
    http_status: Integer;
    os_error: Integer;
    flags: Cardinal;
    elapsed_us: Cardinal;
    cti_code: Integer;
    call_id: Cardinal;
    retcode: array[0..31] of AnsiChar;
    message: array[0..511] of AnsiChar;
    detail: array[0..511] of AnsiChar;
  end;

  PAgwSignInOptions = ^TAgwSignInOptions;
  TAgwSignInOptions = record
    struct_size: Cardinal;
    flags: Cardinal;
    agent_id: PAnsiChar;
    password: PAnsiChar;
    phone: PAnsiChar;
    fields: PAnsiChar;
  end;

  PAgwEvent = ^TAgwEvent;
  TAgwEvent = record
    struct_size: Cardinal;
    flags: Cardinal;
    conf_id: Int64;
    generated_ms: Int64;
    type_: array[0..63] of AnsiChar;
    work_no: array[0..31] of AnsiChar;
    content: array[0..3975] of AnsiChar;
  end;

  PAgwSession = ^TAgwSession;
  TAgwSession = record
    struct_size: Cardinal;
    reserved: Cardinal;
    guid: array[0..263] of AnsiChar;
    cookie: array[0..1775] of AnsiChar;
  end;

function agw_client_new(options: PAgwClientOptions; client: PPAgwClient;
  answer: PAgwResult): Integer;
  cdecl; external AGW_LIBRARY name 'agw_client_new';
function agw_reject_agent_conf(client: PAgwClient; agent_id: PAnsiChar; guid: PAnsiChar;
  answer: PAgwResult): Integer;
  cdecl; external AGW_LIBRARY name 'agw_reject_agent_conf';
function agw_sign_in(client: PAgwClient; options: PAgwSignInOptions; answer: PAgwResult): Integer;
  cdecl; external AGW_LIBRARY name 'agw_sign_in';
function agw_next_event(client: PAgwClient; agent_id: PAnsiChar; event: PAgwEvent;
  answer: PAgwResult): Integer;
  cdecl; external AGW_LIBRARY name 'agw_next_event';
function agw_sign_out(client: PAgwClient; agent_id: PAnsiChar; answer: PAgwResult): Integer;
  cdecl; external AGW_LIBRARY name 'agw_sign_out';
function agw_set_session(client: PAgwClient; agent_id: PAnsiChar; guid: PAnsiChar;
  cookie: PAnsiChar; answer: PAgwResult): Integer;
  cdecl; external AGW_LIBRARY name 'agw_set_session';
function agw_get_session(client: PAgwClient; agent_id: PAnsiChar; session: PAgwSession;
  answer: PAgwResult): Integer;
  cdecl; external AGW_LIBRARY name 'agw_get_session';
function agw_connect(client: PAgwClient; answer: PAgwResult): Integer;
  cdecl; external AGW_LIBRARY name 'agw_connect';
function agw_cancel(client: PAgwClient): Integer;
  cdecl; external AGW_LIBRARY name 'agw_cancel';
function agw_cancel_call(client: PAgwClient; call_id: Cardinal): Integer;
  cdecl; external AGW_LIBRARY name 'agw_cancel_call';
function agw_free(client: PAgwClient): Integer;
  cdecl; external AGW_LIBRARY name 'agw_free';
function agw_strerror(status: Integer): PAnsiChar;
  cdecl; external AGW_LIBRARY name 'agw_strerror';
function agw_version: PAnsiChar;
  cdecl; external AGW_LIBRARY name 'agw_version';
function agw_version_num: Cardinal;
  cdecl; external AGW_LIBRARY name 'agw_version_num';

{ Zeroed, which is the default of every field, and with struct_size set. }
function NewAgwClientOptions: TAgwClientOptions;
function NewAgwResult: TAgwResult;
function NewAgwSignInOptions: TAgwSignInOptions;
function NewAgwEvent: TAgwEvent;
function NewAgwSession: TAgwSession;

{ A text of a result or an event, which is in UTF-8. }
function AgwText(const Chars: array of AnsiChar): UnicodeString;

implementation

function NewAgwClientOptions: TAgwClientOptions;
begin
  FillChar(Result, SizeOf(Result), 0);
  Result.struct_size := SizeOf(Result);
end;

function NewAgwResult: TAgwResult;
begin
  FillChar(Result, SizeOf(Result), 0);
  Result.struct_size := SizeOf(Result);
end;

function NewAgwSignInOptions: TAgwSignInOptions;
begin
  FillChar(Result, SizeOf(Result), 0);
  Result.struct_size := SizeOf(Result);
end;

function NewAgwEvent: TAgwEvent;
begin
  FillChar(Result, SizeOf(Result), 0);
  Result.struct_size := SizeOf(Result);
end;

function NewAgwSession: TAgwSession;
begin
  FillChar(Result, SizeOf(Result), 0);
  Result.struct_size := SizeOf(Result);
end;

function AgwText(const Chars: array of AnsiChar): UnicodeString;
begin
  Result := UTF8ToString(PAnsiChar(@Chars[0]));
end;

end.
