import type { DestinationConfig, DestinationSecret } from '../../contracts/destination.ts';
import type { DestinationRequest } from '../../contracts/views/destination.ts';
import { privateKeyProblem, readHostKey } from '../../stores/remotes/ssh-keys.ts';
import { InvalidFields } from '../http/field-errors.ts';

/** A request to set a destination, with its secret apart. */
export interface DestinationInput {
  readonly config: DestinationConfig;
  readonly secret: DestinationSecret;
}

/** @throws InvalidFields, whose messages quote no secret */
export function readDestination(request: DestinationRequest): DestinationInput {
  const layout = { template: request.template, rowsPerFile: request.rowsPerFile ?? null };
  if (request.kind === 'sftp') return { config: { ...sftpConfig(request), ...layout }, secret: sftpSecret(request) };
  const { kind, endpoint, region, bucket, addressing, prefix, accessKey, secretKey } = request;
  return {
    config: {
      ...{ kind, endpoint: new URL(endpoint).origin, region, bucket, addressing },
      ...{ prefix: prefix.replaceAll(/^\/+|\/+$/g, ''), ...layout },
    },
    secret: { accessKey, secretKey },
  };
}

type SftpRequest = Extract<DestinationRequest, { readonly kind: 'sftp' }>;

function sftpConfig({ kind, host, port, user, path, hostKey }: SftpRequest) {
  const pinned = readHostKey(hostKey);
  if (!pinned) {
    const message = 'Should be SHA256:… as "ssh-keygen -l" prints it, or a public key of type ed25519, ECDSA or RSA.';
    throw invalid('hostKey', message);
  }
  return { kind, host, port, user, directory: path || '.', hostKey: pinned.fingerprint, hostKeyType: pinned.type };
}

function sftpSecret({ privateKey, passphrase, password }: SftpRequest): DestinationSecret {
  if (password !== undefined) {
    if (privateKey === undefined) return { password };
    throw invalid('password', 'Should not come together with privateKey. Send one of them.');
  }
  if (privateKey === undefined) {
    const message = 'privateKey is missing. Add it, or a password.';
    throw new InvalidFields([{ field: 'privateKey', code: 'missing_field', message }]);
  }
  const problem = privateKeyProblem(privateKey, passphrase);
  if (problem !== undefined) throw invalid('privateKey', problem);
  return { privateKey, ...(passphrase !== undefined && { passphrase }) };
}

function invalid(field: string, message: string): InvalidFields {
  return new InvalidFields([{ field, code: 'invalid_field', message: `${field}: ${message}` }]);
}
