import { createRoute, z } from '@hono/zod-openapi';
import { AddSftpKey, SftpKeyList, SftpKeyView } from '../../contracts/views/sftp-keys.ts';
import { problems } from '../http/problems.ts';
import { jsonContent } from '../openapi.ts';

const tags = ['SFTP keys'];

export const listSftpKeys = createRoute({
  method: 'get',
  path: '/export/sftp-keys',
  tags,
  summary: 'List the SFTP keys',
  description: 'The public keys that log in to the SFTP gateway as this tenant, disabled ones too; the oldest first.',
  responses: { 200: { description: 'The keys.', content: jsonContent(SftpKeyList) }, ...problems('invalid_field') },
});

export const addSftpKey = createRoute({
  method: 'post',
  path: '/export/sftp-keys',
  tags,
  summary: 'Add an SFTP key',
  description: 'From now on the key logs in to the SFTP gateway. Adding a disabled key enables it again.',
  request: { body: { required: true, content: jsonContent(AddSftpKey) } },
  responses: {
    200: { description: 'Added, or already there.', content: jsonContent(SftpKeyView) },
    ...problems(
      ...(['malformed_body', 'missing_field', 'invalid_field', 'unknown_field'] as const),
      ...(['unsupported_media_type', 'body_too_large', 'insufficient_scope'] as const),
    ),
  },
});

export const disableSftpKey = createRoute({
  method: 'delete',
  path: '/export/sftp-keys/{fingerprint}',
  tags,
  summary: 'Disable an SFTP key',
  description: 'It no longer logs in; sessions that it has opened end with their next request. Idempotent.',
  request: {
    params: z.object({
      fingerprint: z
        .string()
        .openapi({ description: 'Percent-encoded: it may contain a slash.', example: 'SHA256:mVzG…' }),
    }),
  },
  responses: { 204: { description: 'Disabled.' }, ...problems('insufficient_scope', 'not_found') },
});
