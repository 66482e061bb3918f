/** The platform as Go's releases name it. @throws Error for one that they are not made for */
export function goPlatform(): { readonly os: string; readonly arch: string } {
  const os = { linux: 'linux', darwin: 'darwin' }[process.platform as string];
  const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch as string];
  if (!os || !arch) throw new Error(`there is no release for ${process.platform} ${process.arch}`);
  return { os, arch };
}
