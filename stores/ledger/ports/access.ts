import type { PublicKey } from '../../../contracts/envelope.ts';
import type { Limits } from '../../../contracts/limits.ts';
import type { SshKey } from '../../../contracts/ssh-key.ts';
import type { Credential, Scope, SftpKey, Tenant } from '../tables.ts';

/**
 * Each change adds a line to the audit trail, with actor `operator`. Unknown tenants: WaybillError `not_found`.
 * Taken or malformed values: `invalid_field`.
 */
export interface Tenants {
  add(tenant: Pick<Tenant, 'key' | 'title'> & Partial<Pick<Tenant, 'warehouseKey'>>): Promise<void>;
  find(key: string): Promise<Tenant | undefined>;
  list(): Promise<readonly Tenant[]>;
  disable(key: string): Promise<void>;
  /** Re-enables a tenant; credentials that were disabled individually stay disabled. */
  enable(key: string): Promise<void>;
  setLimits(key: string, limits: Pick<Tenant, 'exportsMax' | 'requestsMax'>): Promise<void>;
  /** Sets which rows of the warehouse are the tenant's, from its next run on. @param warehouseKey `null`: those of its key */
  setWarehouseKey(key: string, warehouseKey: string | null): Promise<void>;
  /** Replaces the tenant's contacts. @param contacts e-mail addresses, at most 20 */
  setContacts(key: string, contacts: readonly string[]): Promise<void>;
  /** @param days that files of requests are kept, 1 to 3650; `null`: the deployment's number */
  setRequestKeepDays(key: string, days: number | null): Promise<void>;
}

/** Changes: as for {@link Tenants}, unless an actor is named. */
export interface Credentials {
  /** @param credential.secret at least 16 characters; stored as scrypt with a random salt */
  add(credential: {
    readonly tenant: string;
    readonly clientId: string;
    readonly scopes: readonly Scope[];
    readonly secret: string;
    /** @default none */
    readonly limits?: Limits;
    /** `null`: never. @default never */
    readonly expiresAt?: Date | null;
    /** @default the operator */
    readonly actor?: string;
  }): Promise<Credential>;
  list(tenant: string): Promise<readonly Credential[]>;
  /** Replaces the secret; the old one is invalid when this returns. */
  rotate(clientId: string, secret: string, actor?: string): Promise<void>;
  disable(clientId: string, actor?: string): Promise<void>;
  /** Sets what it may reach; counts from the next request on. */
  limit(clientId: string, limits: Limits, actor?: string): Promise<void>;
  /** Records that it was used, at most once a minute. @param address of the client */
  recordUse(id: string, address: string): Promise<void>;
  /** Sets where mails about its requests go. @param email `null`: to the tenant's contacts */
  setEmail(clientId: string, email: string | null): Promise<void>;
  find(clientId: string): Promise<Credential | undefined>;
  /**
   * Checks a client id and secret in constant time, whether or not the client id exists; a disabled credential or tenant
   * never passes. At most two secrets are derived at once, because each takes a thread and a core.
   * @throws WaybillError `rate_limited` if too many are waiting
   */
  verify(clientId: string, secret: string): Promise<Credential | undefined>;
  /** The same for a bare secret (an API key), found through an index that does not help in guessing it. */
  verifyKey(secret: string): Promise<Credential | undefined>;
  /**
   * The credential for a secret that this process verified within the last minutes, without deriving it again. The row is
   * read, so a credential that was rotated or disabled since is not returned.
   * @param clientId `null` for an API key
   */
  recall(clientId: string | null, secret: string): Promise<Credential | undefined>;
}

export type ClaimResult =
  /**
   * The caller must settle it.
   * @param attemptedAt when an earlier attempt with an unknown result began; `null`: there was none
   */
  | { readonly won: true; readonly attemptedAt: Date | null }
  | { readonly won: false; readonly requestHash: string; readonly runId: string | null };

/** Results by `Idempotency-Key`. Kept for 24 hours; a claim that is never settled lapses after 60 seconds. */
export interface Idempotency {
  /**
   * Exactly one of several callers wins; the others get the stored result.
   * @param requestHash hash of the request, to detect a key that is reused for another request
   */
  claim(tenant: string, key: string, requestHash: string): Promise<ClaimResult>;
  /**
   * @param result the run that the request started; `failed`: it started none, and the key is free; `unknown`: it may have
   *   started one, and the next owner of the key must look for it
   */
  settle(tenant: string, key: string, result: { readonly runId: string } | 'failed' | 'unknown'): Promise<void>;
}

/** Public keys that manifests are, or were, signed with. */
export interface SigningKeys {
  /** Publishes a key; no effect if it is there. */
  add(key: PublicKey): Promise<void>;
  /** The newest first. */
  list(): Promise<readonly PublicKey[]>;
}

/** Public keys that tenants log in with over SFTP. Each change adds a line to the audit trail. */
export interface SftpKeys {
  /** Adds a key, or enables it again. @throws WaybillError `not_found` if there is no such tenant */
  add(tenant: string, key: SshKey, actor: string): Promise<SftpKey>;
  /** Disabled ones too, the oldest first. */
  list(tenant: string): Promise<readonly SftpKey[]>;
  /** Idempotent. @throws WaybillError `not_found` if the tenant has no such key */
  disable(tenant: string, fingerprint: string, actor: string): Promise<void>;
  /**
   * @param user key of a tenant, or a client id of it that is not disabled
   * @returns the enabled key of an enabled tenant, or `undefined`
   */
  find(user: string, fingerprint: string): Promise<SftpKey | undefined>;
}

/** The host key of the SFTP gateway, the same for all its instances. */
export interface SftpHostKey {
  /** @returns `undefined`: no gateway has made it yet */
  find(): Promise<string | undefined>;
  /** @param make makes a private key in OpenSSH's format. @returns the stored key; of several callers, one makes it */
  obtain(make: () => string): Promise<string>;
}

/** Who has logged in to the portal. */
export interface PortalSession {
  readonly tenant: string;
  /** As in the audit trail. */
  readonly actor: string;
  readonly scopes: readonly Scope[];
}

/** A session that is open. */
export interface OpenSession extends PortalSession {
  readonly limits: Limits;
  /** `null`: logged in through an issuer. */
  readonly credentialId: string | null;
}

/**
 * `idle`: not used for too long. `over`: open for too long. `revoked`: its credential was rotated or disabled, or its tenant
 * was disabled.
 */
export type SessionLookup =
  | { readonly state: 'open'; readonly session: OpenSession }
  | { readonly state: 'idle' | 'over' | 'revoked' | 'unknown' };

/** Log-ins to the portal, by the SHA-256 of their token. */
export interface PortalSessions {
  begin(
    session: PortalSession & {
      readonly tokenHash: Buffer;
      /** `null`: logged in through an issuer. */
      readonly credential: Pick<Credential, 'id' | 'rotatedAt'> | null;
      readonly now: Date;
    },
  ): Promise<void>;
  /**
   * @param options.idleMs how long a session may be unused, in milliseconds
   * @param options.lastsMs how long it is open at most
   * @param options.use whether this is a use of it
   */
  find(
    tokenHash: Buffer,
    options: { readonly now: Date; readonly idleMs: number; readonly lastsMs: number; readonly use: boolean },
  ): Promise<SessionLookup>;
  /** Idempotent. */
  end(tokenHash: Buffer): Promise<void>;
}

/** Log-ins to the operator's page, by the SHA-256 of their token. */
export interface OperatorSessions {
  /** @param session.generation SHA-256 of the setting that the secret was checked against */
  begin(session: { readonly tokenHash: Buffer; readonly generation: Buffer; readonly now: Date }): Promise<void>;
  /** @param options as for {@link PortalSessions}; one of another generation is `revoked` */
  find(
    tokenHash: Buffer,
    options: {
      readonly generation: Buffer;
      readonly now: Date;
      readonly idleMs: number;
      readonly lastsMs: number;
      readonly use: boolean;
    },
  ): Promise<SessionLookup['state']>;
  /** Idempotent. */
  end(tokenHash: Buffer): Promise<void>;
}
