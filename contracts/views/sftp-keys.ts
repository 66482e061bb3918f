import { z } from 'zod';

export const SftpKeyView = z
  .object({
    fingerprint: z.string().meta({ example: 'SHA256:mVzG0vU4mW0q2oZJ6dOq0xXk1dYHqfLJ3pXw2sP8fTk' }),
    publicKey: z.string().meta({ description: 'Type and key, as in a public key file.' }),
    addedAt: z.iso.datetime(),
    disabledAt: z.iso.datetime().nullable().meta({ description: 'null: the key may log in.' }),
  })
  .meta({ id: 'SftpKey' });
export type SftpKeyView = z.infer<typeof SftpKeyView>;

export const SftpKeyList = z.object({ keys: z.array(SftpKeyView) }).meta({ id: 'SftpKeys' });
export type SftpKeyList = z.infer<typeof SftpKeyList>;

export const AddSftpKey = z
  .strictObject({
    publicKey: z.string().max(4096).meta({
      description: 'One line of a public key file: Ed25519, ECDSA, or RSA of at least 2048 bits.',
      example: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2k… backup@example.com',
    }),
  })
  .meta({ id: 'AddSftpKey' });
