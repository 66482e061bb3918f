import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import ssh2, { type AuthContext, type PasswordAuthContext, type PublicKeyAuthContext } from 'ssh2';
import { WaybillError } from '../contracts/failures.ts';
import { type Limits, mayUseDoor, UNLIMITED } from '../contracts/limits.ts';
import { RECURRING } from '../contracts/recurring.ts';
import { sshFingerprint } from '../contracts/ssh-key.ts';
import type { Ledger } from '../stores/ledger/ports.ts';
import { isUsable } from '../stores/ledger/usable.ts';
import { type LoginLimit, loginSubjects } from '../stores/limits/login-limit.ts';

/** Who has logged in. */
export interface Login {
  readonly tenant: string;
  /** Client id, or the fingerprint of a key; written to the audit trail. */
  readonly actor: string;
  readonly method: 'password' | 'publickey';
  /** Of the credential; a key has none. */
  readonly limits: Limits;
  /** @returns whether the credential or key and the tenant are still enabled */
  stillValid(): Promise<boolean>;
}

/** Maximum length of a user name in the audit trail; a longer one is cut. */
const USER_LENGTH_MAX = 127;
const METHODS: ('password' | 'publickey')[] = ['publickey', 'password'];

export interface AuthDeps {
  readonly ledger: Pick<Ledger, 'credentials' | 'tenants' | 'sftpKeys' | 'audit'>;
  readonly loginLimit: LoginLimit;
  /** Refused log-ins of one connection, offered keys included, before it is closed. */
  readonly attemptsMax: number;
}

/**
 * Decides about the log-ins of one connection: client id and secret, or a public key that the tenant has registered.
 *
 * Wrong secrets and signatures count as failed log-ins, together with those of the API. A key that is only offered does not:
 * it is no guess, and clients offer every key they have.
 *
 * @param address of the client. @param onLogin called once, before the client is told. @param end closes the connection
 */
export function createAuthenticator(
  { ledger, loginLimit, attemptsMax }: AuthDeps,
  connection: {
    readonly address: string;
    readonly logger: Logger;
    readonly onLogin: (login: Login) => Promise<boolean>;
    readonly end: () => void;
  },
): (context: AuthContext) => Promise<void> {
  const { address, logger, onLogin, end } = connection;
  let attempts = 0;

  async function byPassword({ username, password }: PasswordAuthContext): Promise<Login | undefined> {
    const recalled = await ledger.credentials.recall(username, password);
    const credential = recalled ?? (await counted(username, () => ledger.credentials.verify(username, password)));
    if (!credential) {
      await auditFailure(username, 'password');
      return undefined;
    }
    const { tenant, clientId, doors, datasets } = credential;
    const limits = { doors, datasets };
    if (!mayUseDoor(limits, RECURRING.kind)) {
      const detail = { address, door: RECURRING.kind, user: 'sftp' };
      await ledger.audit.append({ tenant, actor: clientId, action: 'access.refused', runId: null, detail });
      return undefined;
    }
    await ledger.credentials.recordUse(credential.id, address);
    const rotatedAt = credential.rotatedAt?.getTime();
    return {
      ...{ tenant, actor: clientId, method: 'password', limits },
      async stillValid() {
        const now = await ledger.credentials.find(clientId);
        const isSame =
          now !== undefined &&
          isUsable(now, new Date()) &&
          now.rotatedAt?.getTime() === rotatedAt &&
          // A session goes by the limits that it began with.
          isDeepStrictEqual([now.doors, now.datasets], [doors, datasets]);
        return isSame && (await isEnabled(tenant));
      },
    };
  }

  async function byKey(context: PublicKeyAuthContext): Promise<Login | 'offered' | undefined> {
    // SHA-1 signatures can be forged. Source: RFC 8332.
    if (context.key.algo === 'ssh-rsa' && context.hashAlgo === undefined) return undefined;
    const fingerprint = sshFingerprint(context.key.data);
    const key = await ledger.sftpKeys.find(context.username, fingerprint);
    if (!key) return undefined;
    if (context.signature === undefined || context.blob === undefined) return 'offered';
    const { signature, blob } = context;
    const isSigned = await counted(context.username, async () => {
      const parsed = ssh2.utils.parseKey(key.publicKey);
      const verified = !(parsed instanceof Error) && parsed.verify(blob, signature, context.hashAlgo);
      return verified === true ? true : undefined;
    });
    if (!isSigned) {
      await auditFailure(context.username, 'publickey');
      return undefined;
    }
    const { tenant } = key;
    return {
      ...{ tenant, actor: fingerprint, method: 'publickey', limits: UNLIMITED },
      stillValid: async () => (await ledger.sftpKeys.find(tenant, fingerprint)) !== undefined,
    };
  }

  async function isEnabled(tenant: string): Promise<boolean> {
    const found = await ledger.tenants.find(tenant);
    return found !== undefined && found.disabledAt === null;
  }

  /** Holds a point of each subject during a check and keeps it if the check fails. @throws WaybillError `rate_limited` */
  async function counted<Result>(user: string, check: () => Promise<Result | undefined>): Promise<Result | undefined> {
    const subjects = loginSubjects({ address, clientId: user });
    if ((await loginLimit.consume(subjects)) > 0) throw new WaybillError('rate_limited');
    let isWrong = false;
    try {
      const result = await check();
      isWrong = result === undefined;
      return result;
    } finally {
      if (!isWrong) await loginLimit.refund(subjects);
    }
  }

  /** For the tenant that was named, by its key or by a client id. */
  async function auditFailure(user: string, kind: 'password' | 'publickey'): Promise<void> {
    const [credential, tenant] = await Promise.all([ledger.credentials.find(user), ledger.tenants.find(user)]);
    const detail = { address, clientId: user.slice(0, USER_LENGTH_MAX), kind: `sftp ${kind}` };
    return ledger.audit.append({
      tenant: credential?.tenant ?? tenant?.key ?? null,
      ...{ actor: 'waybill', action: 'login.failed', runId: null, detail },
    });
  }

  async function decide(context: AuthContext): Promise<Login | 'offered' | undefined> {
    if (context.method === 'password') return byPassword(context);
    if (context.method === 'publickey') return byKey(context);
    return undefined;
  }

  return async function authenticate(context) {
    let login: Login | 'offered' | undefined;
    try {
      login = await decide(context);
      if (login === 'offered') return context.accept();
      if (login && (await onLogin(login))) return context.accept();
    } catch (error) {
      const isLimited = error instanceof WaybillError && error.code === 'rate_limited';
      if (isLimited) logger.info({ address }, 'too many failed log-ins');
      else logger.warn({ err: error }, 'a log-in could not be checked');
      return end();
    }
    // The method `none` asks which methods there are.
    if (context.method !== 'none') attempts += 1;
    if (attempts >= attemptsMax) return end();
    context.reject(METHODS);
  };
}
