/** The API's response bodies, with the fields that the dashboard uses. */

export type PermissionName = "read" | "write" | "delete" | "admin";

export type Environment = "live" | "test";

export interface Page<T> {
  data: T[];
  next_cursor: string | null;
}

/** `GET /v1/auth/me`, called with a session. */
export interface Me {
  user_id: string;
  email: string;
  permissions: PermissionName[];
  expires_at: string;
  authenticated_at: string;
  /** How the member has authenticated in this session. */
  factors: ("password" | "passkey" | "recovery_code")[];
}

export type KeyStatus = "active" | "disabled" | "expired" | "idle" | "revoked";

/** The secret that a rotation replaced, while it is valid. */
export interface PreviousSecret {
  expires_at: string;
  last_used_at: string | null;
}

export interface ApiKey {
  id: string;
  name: string;
  type: Environment;
  permissions: PermissionName[];
  scope: { projects: string[] } | null;
  allowed_ips: string[] | null;
  hint: string;
  status: KeyStatus;
  created_at: string;
  /** The id of a member or of a key. */
  created_by: string | null;
  expires_at: string | null;
  last_used_at: string | null;
  last_used_ip: string | null;
  previous_secret: PreviousSecret | null;
}

export interface ApiKeyWithSecret extends ApiKey {
  /** The secret. The response to a retry of an idempotent request omits it. */
  key?: string;
}

export interface RotatedApiKey extends ApiKeyWithSecret {
  previous_expires_at: string;
}

/** The use of a key on one day of UTC. */
export interface UsageDay {
  /** Such as `2026-01-30`. */
  date: string;
  requests: number;
  rate_limited: number;
}

/** The decision that a request with a key would get. */
export interface Simulation {
  decision: "allow" | "deny";
  status: number;
  reason: string | null;
}

export interface Project {
  id: string;
  name: string;
}

export interface Session {
  id: string;
  created_at: string;
  last_used_at: string | null;
  expires_at: string;
  user_agent: string | null;
  ip_address: string | null;
  current: boolean;
}

/** What the browser needs to create a passkey. */
export interface CreationOptions {
  publicKey: PublicKeyCredentialCreationOptionsJSON;
}

/** What the browser needs to use a passkey. */
export interface RequestOptions {
  publicKey: PublicKeyCredentialRequestOptionsJSON;
}

/** The response of a passkey, for the API. */
export type CredentialJson = ReturnType<PublicKeyCredential["toJSON"]>;

export interface SecondFactor {
  login_token: string;
  options: RequestOptions;
  expires_at: string;
}

/** The response to a login with a password. */
export type Login = { session_token: string } | { second_factor: SecondFactor };

export interface Passkey {
  id: string;
  name: string;
  created_at: string;
  last_used_at: string | null;
}

export interface NewPasskey extends Passkey {
  /** Only with the first passkey. */
  recovery_codes?: string[];
}

export interface Member {
  id: string;
  email: string;
  permissions: PermissionName[];
  status: "invited" | "active" | "suspended";
  created_at: string;
}

export interface InvitedMember extends Member {
  invitation: {
    expires_at: string;
    /** Only where the service sends no mail. */
    token?: string;
  };
}

export interface AccountPolicy {
  require_second_factor: boolean;
  reauthentication_minutes: number | null;
  max_key_lifetime_days: number | null;
  idle_key_days: number | null;
}

export interface Account {
  id: string;
  name: string;
  status: "active" | "suspended";
  created_at: string;
  policy: AccountPolicy;
  limits: {
    requests_per_minute: { live: number; test: number };
    keys?: { live: number; test: number };
    sessions_per_member?: number;
  };
}

export interface Actor {
  type: "session" | "api_key" | "operator";
  user_id?: string;
  key_id?: string;
}

export interface AuditEvent {
  type: string;
  created_at: string;
  actor: Actor | null;
  request_id: string;
  source_ip: string | null;
  name?: string;
  email?: string | null;
  reason?: string;
  status?: string;
  user_id?: string;
  kept_session_id?: string | null;
  factor?: "passkey" | "recovery_code";
  key_id?: string;
  project_id?: string;
  key_type?: Environment;
  disabled?: boolean;
  permissions?: PermissionName[];
  previous_expires_at?: string;
  policy?: Partial<AccountPolicy>;
  requests_per_minute?: { live: number; test: number } | null;
  keys?: { live: number | null; test: number | null };
  sessions_per_member?: number | null;
}
