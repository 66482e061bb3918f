import { resolve } from 'node:path';
import { z } from 'zod';
import { settingSentence } from '../config/issue-sentence.ts';
import { PORT_NAMES, PORT_USES, type PortName, type StackPorts } from './ports.ts';
import type { Environment } from './process.ts';
import { PROGRAM_NAMES, type ProgramName } from './programs.ts';

type PortSetting = (typeof PORT_USES)[PortName]['setting'];

const port = z.coerce.number().int().min(1024).max(65_535);
const portShape = Object.fromEntries(
  Object.values(PORT_USES).map((use) => [use.setting, port.default(use.port)]),
) as Record<PortSetting, z.ZodDefault<typeof port>>;

/** Settings of the local stack only; the services' own are in config/settings.ts. `.env.example` documents both. */
const schema = z.object({
  ...portShape,
  /** Directory of the stack's data. */
  WAYBILL_STACK_DATA: z.string().min(1).default('.waybill'),
  /** Size of the sample warehouse, as a multiple of the default. */
  WAYBILL_STACK_SAMPLE_SCALE: z.coerce.number().positive().default(1),
});

/** Names of all settings of the stack, in the order of `.env.example`. */
export const STACK_SETTING_NAMES: readonly string[] = [...Object.keys(schema.shape), ...PROGRAM_NAMES.map(binSetting)];

export interface StackSettings {
  readonly ports: StackPorts;
  /** Absolute. */
  readonly dataDirectory: string;
  readonly sampleScale: number;
}

/** @returns the setting that names a program's executable, such as `WAYBILL_STACK_MINIO_BIN` */
export function binSetting(program: ProgramName): string {
  return `WAYBILL_STACK_${program.replaceAll('-', '_').toUpperCase()}_BIN`;
}

/** @throws Error with the name of each invalid setting, its value and what it should be */
export function readStackSettings(environment: Environment): StackSettings {
  const present = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const { data, error } = schema.safeParse(present);
  if (error) {
    const problems = error.issues.map((issue) => {
      const name = String(issue.path[0]);
      return `  ${name} holds "${environment[name]}": ${settingSentence(issue)}`;
    });
    throw new Error(`The stack cannot start with these settings:\n${problems.join('\n')}`);
  }
  return {
    ports: Object.fromEntries(PORT_NAMES.map((name) => [name, data[PORT_USES[name].setting]])) as StackPorts,
    dataDirectory: resolve(data.WAYBILL_STACK_DATA),
    sampleScale: data.WAYBILL_STACK_SAMPLE_SCALE,
  };
}

/**
 * Secrets of the local stack, the same on every machine so that commands can be pasted. Everything listens on loopback
 * only, and config/settings.ts refuses all of them in production.
 */
export const DEMO = {
  postgresUser: 'waybill',
  postgresPassword: 'waybill-demo-secret',
  objectsAccessKey: 'waybill',
  objectsSecretKey: 'waybill-demo-secret',
  linkSecret: 'links-demo-secret',
  tokenSecret: 'tokens-demo-secret',
  anonymizeKey: Buffer.from('the demo-secret of anonymization').toString('base64'),
  secretsKey: Buffer.from('the demo-secret of destinations!').toString('base64'),
  operatorSecret: 'operator-demo-secret',
  operatorSecretHash: 'scrypt:N=32768,r=8,p=1:ZGVtby1zZWNyZXQtc2FsdA:I-rEi_Of0-SXwjQJr9PfAzOxHv5ppkZOpBuCnhHEyOY',
  signingKey: ed25519Pem('the demo-secret of the signature'),
} as const;

/** @param seed 32 characters. Source: RFC 8410, section 7 */
function ed25519Pem(seed: string): string {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.from(seed)]);
  return `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`;
}
