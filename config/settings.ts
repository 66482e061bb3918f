import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { isTimeZone, TIME_OF_DAY } from '../contracts/recurrence.ts';
import { readSigningKey } from '../contracts/signing-key.ts';
import { TASK_QUEUE_CONTROL } from '../contracts/task-queues.ts';
import { isBatchSchedule } from './batch-times.ts';
import { settingSentence } from './issue-sentence.ts';
import { jsonArray } from './json-array.ts';
import { isNetwork } from './networks.ts';
import { openIdProviders } from './openid-providers.ts';
import { isSecretsKey, readAnonymizeKey } from './secrets-key.ts';

const port = z.coerce.number().int().min(1).max(65_535);
const httpUrl = z.url({ protocol: /^https?$/, message: 'should be an http:// or https:// address' });
const count = z.coerce.number().int().min(1);
const flag = z.enum(['true', 'false']).transform((text) => text === 'true');
const secret = z.string().min(16);
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean),
);

const timeOfDay = z.string().regex(TIME_OF_DAY, 'should be a time of day such as 01:30');
const timeZone = z.string().refine(isTimeZone, 'should be an IANA time zone such as Europe/Amsterdam');

const networks = list.refine((texts) => texts.every(isNetwork), {
  message: 'should be IP addresses or networks such as 10.0.0.0/8, separated by commas',
});

/** Source: DuckDB, src/main/config.cpp, `ParseMemoryLimit`. */
const MEMORY = /^\d+(\.\d+)? ?([kmgt]i?)?b$/i;

/** An external token issuer whose tokens the API accepts. */
const issuer = z.object({
  issuer: httpUrl,
  jwksUrl: httpUrl,
  audience: z.string().min(1),
  /** Claim with the tenant key. */
  tenantClaim: z.string().min(1).default('tenant'),
  /** Claim with the scopes, space-separated or as an array. */
  scopeClaim: z.string().min(1).default('scope'),
});
export type Issuer = z.infer<typeof issuer>;

const issuers = jsonArray(issuer);

/** Environment variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Colons in place of the dollar signs of scrypt's usual form, which shells and Compose files would replace. */
const OPERATOR_SECRET_HASH = /^scrypt:N=\d{2,7},r=\d{1,2},p=\d{1,2}:[\w-]{22}:[\w-]{43}$/;

/**
 * Every setting, read from the environment once, in a `main.ts`. `.env.example` documents each. With `_FILE`
 * appended to its name, it names a file with the value, for mounted secrets.
 */
const schema = z.object({
  /** `local` is the embedded stack; `production` refuses demo secrets. */
  WAYBILL_ENV: z.enum(['local', 'production']).default('production'),
  WAYBILL_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),

  WAYBILL_API_HOST: z.string().default('127.0.0.1'),
  WAYBILL_API_PORT: port.default(8080),
  /** URL of the API for callers; used in download links. Trailing slashes are dropped. */
  WAYBILL_PUBLIC_URL: httpUrl.default('http://127.0.0.1:8080').transform((url) => url.replace(/\/+$/, '')),
  /** Addresses and networks of the proxies in front of the API; `X-Forwarded-For` is trusted only from them. */
  WAYBILL_TRUSTED_PROXIES: networks.default([]),
  /** Maximum size of a request body in bytes. */
  WAYBILL_BODY_BYTES_MAX: count.default(262_144),

  /** If unset, Temporal's own variables and profile apply; see config/temporal.ts for these four. */
  WAYBILL_TEMPORAL_ADDRESS: z.string().optional(),
  WAYBILL_TEMPORAL_NAMESPACE: z.string().optional(),
  WAYBILL_TEMPORAL_API_KEY: z.string().optional(),
  WAYBILL_TEMPORAL_TLS: flag.optional(),
  /** Days that Temporal keeps closed workflows; used when the namespace is created. */
  WAYBILL_TEMPORAL_RETENTION_DAYS: count.default(30),
  WAYBILL_TEMPORAL_UI_URL: httpUrl.optional(),
  /** Task queue of this deployment's workflows; parts go to `<queue>-parts` and `<queue>-ordered-parts`. */
  WAYBILL_TASK_QUEUE: z.string().min(1).default(TASK_QUEUE_CONTROL),

  /** PostgreSQL connection URL of the ledger. */
  WAYBILL_LEDGER_URL: z.string().regex(/^postgres(ql)?:\/\//, 'should begin with postgres://'),
  /** Maximum connections per process; the API opens two more for its limit of failed log-ins. */
  WAYBILL_LEDGER_CONNECTIONS_MAX: count.default(10),

  WAYBILL_OBJECTS_URL: httpUrl.default('http://127.0.0.1:9000'),
  WAYBILL_OBJECTS_REGION: z.string().default('us-east-1'),
  WAYBILL_OBJECTS_BUCKET: z.string().default('waybill'),
  /** Bucket of the same store with the attachments of questionnaires, which workers read; unset: there are none. */
  WAYBILL_ATTACHMENTS_BUCKET: z.string().min(1).optional(),
  WAYBILL_OBJECTS_ACCESS_KEY: z.string().min(1),
  WAYBILL_OBJECTS_SECRET_KEY: z.string().min(1),

  /** A YAML file, or a directory of them. */
  WAYBILL_CATALOG: z.string().min(1),
  /** SQL that attaches the warehouse, statements separated by semicolons; runs before the connection is locked down. */
  WAYBILL_WAREHOUSE_SQL: z.string().min(1),
  /** Directories whose files queries may read after the lock-down, for Parquet and CSV warehouses. */
  WAYBILL_WAREHOUSE_DIRECTORIES: list.default([]),
  /** DuckDB's `extension_directory`, with files `<version>/<platform>/<name>.duckdb_extension`. @default DuckDB's own */
  WAYBILL_WAREHOUSE_EXTENSION_DIRECTORY: z.string().optional(),
  /** Whether DuckDB may fetch extensions during start-up, including httpfs for the encryption of spill files. */
  WAYBILL_WAREHOUSE_INSTALL_EXTENSIONS: flag.default(false),
  /** The most memory that DuckDB may use; the process may briefly use twice as much. Queries that need little have 128 MB a thread, at least 256 MB. */
  WAYBILL_WAREHOUSE_MEMORY: z.string().regex(MEMORY, 'should be an amount of memory such as 2GB').default('2GB'),
  /** DuckDB's threads, each with at least 125 MB of its memory; 0: one per core, at most four, or as many as have that. */
  WAYBILL_WAREHOUSE_THREADS: z.coerce.number().int().min(0).default(0),
  /** Directory for DuckDB's spill files and the FIFOs. @default the system's temporary directory */
  WAYBILL_TEMP_DIRECTORY: z.string().optional(),

  /**
   * Parts that one worker writes at once, and one more of an order if nightly ones have every place. Each needs its own thread, and
   * libuv's pool has at most 1024.
   */
  WAYBILL_WORKER_PARTS_MAX: count.max(1000).default(2),
  /** Bundle of the workflows, made by `worker/write-bundle.ts`. @default each worker bundles them at its start */
  WAYBILL_WORKFLOW_BUNDLE: z.string().min(1).optional(),
  /** Number of rows from which an unsealed export is split into parts. */
  WAYBILL_PART_ROWS: count.default(5_000_000),
  /** Port on which the worker answers `/healthz`; unset: none. */
  WAYBILL_WORKER_HEALTH_PORT: port.optional(),

  /** Signs download links. */
  WAYBILL_LINK_SECRET: secret,
  /** Signs the access tokens of `POST /oauth/token`. */
  WAYBILL_TOKEN_SECRET: secret,
  /** Ed25519 private key that workers sign manifests with, PKCS #8 in PEM; unset: manifests are not signed. */
  WAYBILL_SIGNING_KEY: z
    .string()
    .refine(
      (pem) => readSigningKey(pem) !== undefined,
      'should be an Ed25519 private key in PEM, as "openssl genpkey -algorithm ed25519" writes it',
    )
    .optional(),
  /** JSON array of external issuers. */
  WAYBILL_TOKEN_ISSUERS: issuers.default([]),
  /** JSON array of the OpenID Providers that people may log in to the portal with. */
  WAYBILL_OPENID_PROVIDERS: openIdProviders.default([]),
  /** Seconds that an access token is valid. */
  WAYBILL_TOKEN_SECONDS: count.default(3600),
  /** Seconds that a download link is valid; never longer than the file is kept. */
  WAYBILL_LINK_SECONDS: count.default(86_400),

  /**
   * 32 random bytes in base64 that seal tenants' credentials of push delivery, secrets of webhooks and passwords of archives; unset:
   * none of them is offered. Several: the first seals.
   */
  WAYBILL_SECRETS_KEY: z
    .string()
    .refine(isSecretsKey, 'should be 32 bytes in base64, as "openssl rand -base64 32" writes them')
    .optional(),
  /** Networks that are not public, and that files may be pushed and webhooks sent to all the same. */
  WAYBILL_PUSH_ALLOWED_NETWORKS: networks.default([]),

  /** Days that finished files are kept; orders may ask for fewer. */
  WAYBILL_KEEP_DAYS: count.default(30),
  /** Hours before the files of an order expire in which its tenant's webhooks say so. */
  WAYBILL_EXPIRY_NOTICE_HOURS: count.default(24),
  /** Maximum requests per minute and tenant. */
  WAYBILL_TENANT_REQUESTS_MAX: count.default(6000),
  /** Downloads of a tenant at once, per instance of the API. */
  WAYBILL_TENANT_DOWNLOADS_MAX: count.default(50),
  /** Maximum running exports per tenant. */
  WAYBILL_TENANT_EXPORTS_MAX: count.default(500),
  /** Hash of the secret of the operator's page, as `waybill operator-secret` prints it; unset: there is no such page. */
  WAYBILL_OPERATOR_SECRET_HASH: z
    .string()
    .regex(OPERATOR_SECRET_HASH, 'should be a hash as "npx waybill operator-secret" prints it')
    .optional(),
  /** Maximum failed log-ins per minute, by address and by client id. */
  WAYBILL_LOGIN_FAILURES_MAX: count.default(120),

  /** Whether downloads of periodic files take the private key in the address too, as the published contract has it. */
  WAYBILL_PRIVATE_KEY_IN_QUERY: flag.default(true),

  /** When periodic runs begin: `HH:MM` in the time zone below. */
  WAYBILL_PERIODIC_AT: timeOfDay.default('01:30'),
  /** IANA name. */
  WAYBILL_PERIODIC_TIME_ZONE: timeZone.default('UTC'),
  /** Runs are spread over this many minutes after that time. */
  WAYBILL_PERIODIC_JITTER_MINUTES: z.coerce.number().int().min(0).max(1439).default(30),
  /** When recurring runs are due, as for periodic ones. */
  WAYBILL_RECURRING_AT: timeOfDay.default('01:30'),
  WAYBILL_RECURRING_TIME_ZONE: timeZone.default('UTC'),
  WAYBILL_RECURRING_JITTER_MINUTES: z.coerce.number().int().min(0).max(1439).default(30),
  /** Seconds from the end of a window of changes until it is read, so that rows which are committed late are in it. */
  WAYBILL_RECURRING_SETTLING_SECONDS: z.coerce.number().int().min(0).max(86_400).default(300),
  /** Days that the files of a delivered day are kept. */
  WAYBILL_RECURRING_KEEP_DAYS: count.default(90),

  /** When requests are fulfilled: `immediately`, or a cron expression of five fields in the time zone below. */
  WAYBILL_REQUESTS_SCHEDULE: z
    .string()
    .refine(isBatchSchedule, 'should be immediately, or a cron expression such as "0 2 * * *"')
    .default('immediately'),
  /** IANA name; mails tell times in it too. */
  WAYBILL_REQUESTS_TIME_ZONE: timeZone.default('UTC'),
  /** Days that the file of a request is kept, for tenants without a number of their own. */
  WAYBILL_REQUESTS_KEEP_DAYS: count.max(3650).default(30),
  /** Requests that are fulfilled at once in the deployment. */
  WAYBILL_REQUESTS_RUNNING_MAX: count.default(4),
  /** Address that learns of requests that failed; unset: nobody does. */
  WAYBILL_SUPPORT_EMAIL: z.email().optional(),
  /** 32 random bytes in base64 that anonymized columns are hashed with; required if the catalog has such columns. */
  WAYBILL_ANONYMIZE_KEY: z
    .string()
    .refine(
      (text) => readAnonymizeKey(text) !== undefined,
      'should be 32 bytes in base64, as "openssl rand -base64 32" writes them',
    )
    .optional(),

  /** Seconds that a replaced generation or day, or the expired file of a request, is kept, so that running downloads can finish. */
  WAYBILL_PERIODIC_GRACE_SECONDS: count.default(21_600),

  /** Address and port of the SFTP gateway. */
  WAYBILL_SFTP_HOST: z.string().default('127.0.0.1'),
  WAYBILL_SFTP_PORT: port.default(2222),
  /** `host:port` at which tenants reach the gateway, as pages show it; unset: the host of the API, and the port. */
  WAYBILL_SFTP_PUBLIC_ADDRESS: z
    .string()
    .regex(/^[\w.-]+:\d{1,5}$/, 'should be a host and a port, such as sftp.example.com:22')
    .optional(),
  /** Port on which the gateway answers `/healthz` and `/readyz`; unset: none. */
  WAYBILL_SFTP_HEALTH_PORT: port.optional(),
  /** Private host key, in OpenSSH's format or PEM; unset: one that the first gateway makes and the ledger keeps. */
  WAYBILL_SFTP_HOST_KEY: z
    .string()
    .regex(
      /^-----BEGIN (OPENSSH|EC|RSA) PRIVATE KEY-----/,
      'should be a private key as "ssh-keygen -t ed25519" writes it',
    )
    .optional(),
  /** Sessions of one gateway at once, and those of one tenant. */
  WAYBILL_SFTP_SESSIONS_MAX: count.default(200),
  WAYBILL_SFTP_TENANT_SESSIONS_MAX: count.default(20),
  /** Seconds after which a session without a request is closed. */
  WAYBILL_SFTP_IDLE_SECONDS: count.default(900),
  /** Proxies in front of the gateway: the PROXY protocol is required from them, and accepted from nobody else. */
  WAYBILL_SFTP_TRUSTED_PROXIES: networks.default([]),

  /** Seconds between two passes of the reconciler, which removes files that are due and ends runs that were lost. */
  WAYBILL_RECONCILE_SECONDS: count.default(300),
  /**
   * Seconds after the end of a run until its objects are checked once more: longer than the longest upload that a worker
   * which lost Temporal can still finish.
   */
  WAYBILL_STRAY_SECONDS: count.default(900),

  /** `smtp://` or `smtps://` URL, user and password included; unset: no mail is sent. */
  WAYBILL_SMTP_URL: z
    .string()
    .regex(/^smtps?:\/\//, 'should begin with smtp:// or smtps://')
    .optional(),
  /** Sender of all mail: an address, or `Name <address>`. */
  WAYBILL_MAIL_FROM: z.string().min(3).default('Waybill <waybill@localhost>'),
});

export type Settings = z.infer<typeof schema>;

/** Every setting's name, in the order of the schema. */
export const SETTING_NAMES = Object.keys(schema.shape) as readonly (keyof Settings)[];

/** Names of settings whose value is never shown, not even in error messages. */
const SECRETS = /SECRET|KEY$|LEDGER_URL|WAREHOUSE_SQL|SMTP_URL|OPENID_PROVIDERS/;

/** Secrets of the local stack; production refuses them. */
const DEMO_SECRET = /demo-secret|minioadmin/;

function pemContent(text: string): string {
  return Buffer.from(text.replace(/-----[^-]+-----/g, ''), 'base64').toString('latin1');
}

/** Thrown by {@link readSettings}; the message lists every invalid setting. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/**
 * Reads and checks all settings.
 *
 * @param environment the process's environment
 * @throws SettingsError with the name of each invalid setting, its value and what it should be
 */
export function readSettings(environment: Environment): Settings {
  return read(schema, environment);
}

/**
 * Reads and checks only these settings, for tools that need no others.
 *
 * @throws SettingsError as {@link readSettings} does.
 */
export function readSomeSettings<Name extends keyof Settings>(
  environment: Environment,
  names: readonly Name[],
): Pick<Settings, Name> {
  const shape: Record<string, z.ZodType> = Object.fromEntries(names.map((name) => [name, schema.shape[name]]));
  return read(z.object(shape), environment) as Pick<Settings, Name>;
}

function read<Schema extends z.ZodObject>(wanted: Schema, environment: Environment): z.output<Schema> {
  const { values, problems } = collect(environment);
  const result = wanted.safeParse(values);
  if (!result.success) {
    for (const issue of result.error.issues) {
      const name = String(issue.path[0]);
      const held = values[name];
      const shown = SECRETS.test(name) ? 'holds a secret' : `holds "${held}"`;
      problems.push(
        held === undefined ? `${name} is not set, and has no default` : `${name} ${shown}: ${settingSentence(issue)}`,
      );
    }
  } else if (result.data.WAYBILL_ENV === 'production') {
    for (const [name, value] of Object.entries(values)) {
      if (DEMO_SECRET.test(value) || [value, ...value.split(':')].some((text) => DEMO_SECRET.test(pemContent(text))))
        problems.push(`${name} holds a secret of the local stack: production needs its own`);
    }
  }
  if (problems.length > 0 || !result.success) {
    throw new SettingsError(`Waybill cannot start with these settings:\n${problems.map((p) => `  ${p}`).join('\n')}`);
  }
  return result.data;
}

function collect(environment: Environment) {
  const values: Record<string, string> = {};
  const problems: string[] = [];
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith('WAYBILL_') || value === undefined || value === '') continue;
    if (Object.hasOwn(schema.shape, name)) {
      values[name] = value;
      continue;
    }
    const base = name.endsWith('_FILE') ? name.slice(0, -'_FILE'.length) : undefined;
    if (base === undefined || !Object.hasOwn(schema.shape, base)) continue;
    try {
      values[base] = readFileSync(value, 'utf8').trimEnd();
    } catch {
      problems.push(`${name} holds "${value}": should name a file that can be read`);
    }
  }
  return { values, problems };
}
