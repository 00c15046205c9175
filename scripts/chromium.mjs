/** Finds the Chromium that browser tests drive; installs Debian's when there is none. */
import { accessSync, constants, existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { run } from './run.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
/** Switches for a headless browser that makes no requests of its own. */
export const QUIET = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Switches for WebGPU computed in software, where there is no graphics card. */
export const SWIFTSHADER = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
  '--use-vulkan=swiftshader',
  '--disable-vulkan-surface',
];

/** Switches for WebGPU on a graphics card, headless too, with f16 on NVIDIA. */
export const GRAPHICS_CARD = [
  '--ignore-gpu-blocklist',
  '--enable-unsafe-webgpu',
  '--enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia',
  '--enable-features=Vulkan,DefaultANGLEVulkan,VulkanFromANGLE',
  '--use-angle=vulkan',
  '--disable-vulkan-surface',
];

const APT_HANGS_AFTER_MS = 20 * 60_000;

/** The path of an installed Chromium, or undefined. CHROMIUM_PATH goes first. */
export function findChromium() {
  const chosen = process.env['CHROMIUM_PATH'];
  if (chosen) {
    if (!isExecutable(chosen))
      throw new Error(`CHROMIUM_PATH is "${chosen}", which is not a program: correct or unset it.`);
    return chosen;
  }
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin'].filter((folder) => folder !== '');
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

/**
 * The path of Chromium, installed with apt-get if need be.
 * @returns {Promise<string>}
 */
export async function ensureChromium() {
  const found = findChromium();
  if (found !== undefined) return found;
  const advice = 'install Chromium or Chrome yourself and set CHROMIUM_PATH to it.';
  if (!existsSync('/usr/bin/apt-get'))
    throw new Error(`No Chromium was found and this system has no apt-get: ${advice}`);
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && !existsSync('/usr/bin/sudo')) {
    throw new Error(`No Chromium was found, and installing it needs root or sudo: ${advice}`);
  }

  console.error('Installing Chromium with apt-get ...');
  const prefix = isRoot ? [] : ['sudo', '-n'];
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', 'chromium']]) {
    const [command = '', ...rest] = [...prefix, 'apt-get', '-q', ...args];
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    const { code } = await run(command, rest, { output: 'stderr', limitMs: APT_HANGS_AFTER_MS, env });
    if (code !== 0) throw new Error(`"apt-get ${args.join(' ')}" failed with exit status ${code}: ${advice}`);
  }
  const installed = findChromium();
  if (installed === undefined) throw new Error(`Chromium was installed but is not on PATH: ${advice}`);
  return installed;
}

/**
 * SwiftShader, Chromium's Vulkan driver that computes on the CPU, for processes without a browser; a sentence says why there is none.
 * @returns {import('./llvmpipe.mjs').VulkanDriver | string}
 */
export function findSwiftShader() {
  const chromium = findChromium();
  const beside = chromium === undefined ? [] : [dirname(realpathSync(chromium))];
  const folders = [...beside, '/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome'];
  const folder = folders.find((path) => existsSync(join(path, 'vk_swiftshader_icd.json')));
  if (folder === undefined) return `No SwiftShader (vk_swiftshader_icd.json) was found in ${folders.join(', ')}.`;
  // Chromium brings Vulkan's loader along, which the system may lack.
  const env = { VK_DRIVER_FILES: join(folder, 'vk_swiftshader_icd.json'), LD_LIBRARY_PATH: folder };
  return { name: 'SwiftShader', env };
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
