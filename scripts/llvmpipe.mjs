/**
 * Installs Mesa's llvmpipe, a Vulkan driver that computes on the CPU and, unlike Chromium's SwiftShader, has shader-f16. The
 * packages are unpacked into a folder of our own: the system does not change, and root is not needed.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { messageOf, ROOT, run } from './run.mjs';

/**
 * @typedef {object} VulkanDriver
 * @property {string} name
 * @property {Record<string, string>} env the environment in which Vulkan finds this driver and no other
 */

const PACKAGE = 'mesa-vulkan-drivers';
const CACHE = join(ROOT, 'node_modules/.cache');
const APT_LIMIT_MS = 300_000;
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Prints the features of the adapter that Dawn finds; none where it finds no adapter. */
const PROBE = `
  const { create } = await import('webgpu');
  const adapter = await create([]).requestAdapter();
  console.log('FEATURES ' + (adapter === null ? '' : [...adapter.features].join(' ')));
`;

/**
 * The driver, fetched with apt-get if need be; a sentence says why it cannot be had.
 * @returns {Promise<VulkanDriver | string>}
 */
export async function ensureLlvmpipe() {
  if (process.platform !== 'linux') return `llvmpipe is a driver for Linux, this is ${process.platform}.`;
  if (!existsSync(join(ROOT, 'node_modules/webgpu'))) {
    return 'The optional package "webgpu" (Dawn) is not installed: "npm ci" installs it.';
  }
  const kept = join(CACHE, 'llvmpipe');
  const own = unpackedDriver(kept) ?? (await systemDriver());
  if (own !== undefined) return own;
  if (!existsSync('/usr/bin/apt-get')) {
    return `No usable llvmpipe was found, and this system has no apt-get: install Mesa 24 or newer (${PACKAGE}).`;
  }

  console.error(`Fetching llvmpipe (${PACKAGE}) with apt-get ...`);
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'llvmpipe-'));
  try {
    await unpack(folder);
    const driver = unpackedDriver(folder);
    if (driver === undefined) return `${PACKAGE} of this system holds no llvmpipe.`;
    const refusal = await whyRefused(driver);
    if (refusal !== undefined) return refusal;
    rmSync(kept, { recursive: true, force: true });
    renameSync(folder, kept);
    return unpackedDriver(kept) ?? `llvmpipe is missing from ${kept}.`;
  } catch (thrown) {
    return `llvmpipe could not be fetched: ${messageOf(thrown)}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Downloads the driver and every library of its that the system lacks, with lists of packages of its own, and unpacks them.
 * @param {string} folder
 */
async function unpack(folder) {
  const [lists, archives] = [join(folder, 'apt/lists'), join(folder, 'apt/archives')];
  for (const each of [lists, archives]) mkdirSync(join(each, 'partial'), { recursive: true });
  const options = {
    'Dir::State::Lists': lists,
    'Dir::Cache': join(folder, 'apt'),
    'Dir::Cache::Archives': archives,
    'Debug::NoLocking': '1',
    'APT::Update::Error-Mode': 'any', // apt-get update would else succeed without a network
    'APT::Sandbox::User': '', // apt-get as root would else download as a user who cannot write here
    ...sources(folder),
  };
  const args = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  await runApt([...args, 'update']);
  await runApt([...args, '-y', '--no-install-recommends', '--download-only', 'install', PACKAGE]);
  const names = readdirSync(archives).filter((name) => name.endsWith('.deb'));
  if (names.length === 0) throw new Error(`this system's newest ${PACKAGE} is installed, and Dawn cannot use it.`);
  for (const name of names) {
    const { code, output } = await run('dpkg-deb', ['-x', join(archives, name), folder], { output: 'capture' });
    if (code !== 0) throw new Error(`${name} cannot be unpacked: ${output.trim()}`);
  }
  rmSync(join(folder, 'apt'), { recursive: true });
}

/**
 * Debian 12 has Mesa 22.3, which Dawn refuses because it cannot index arrays of buffers dynamically; its backports have Mesa 25.
 * @param {string} folder gets the list of sources
 * @returns {Record<string, string>} options of apt-get: none where the system's own sources serve
 */
function sources(folder) {
  if (!/^VERSION_CODENAME=bookworm$/m.test(readFileSync('/etc/os-release', 'utf8'))) return {};
  const suites = ['bookworm', 'bookworm-updates', 'bookworm-backports'];
  const list = join(folder, 'apt/sources.list');
  const lines = suites.map((suite) => `deb [signed-by=${KEYRING}] http://deb.debian.org/debian ${suite} main\n`);
  writeFileSync(list, lines.join(''));
  return { 'Dir::Etc::SourceList': list, 'Dir::Etc::SourceParts': '-', 'APT::Default-Release': 'bookworm-backports' };
}

/** @param {readonly string[]} args */
async function runApt(args) {
  const { code, output, timedOut } = await run('apt-get', ['-q', ...args], {
    output: 'capture',
    limitMs: APT_LIMIT_MS,
  });
  if (timedOut) throw new Error(`apt-get took longer than ${APT_LIMIT_MS / 1000} s.`);
  if (code === 0) return;
  const errors = output.split('\n').filter((line) => line.startsWith('E: '));
  throw new Error(errors.slice(0, 2).join(' ') || `apt-get ended with exit status ${code}.`);
}

/**
 * The driver among unpacked packages.
 * @param {string} root
 * @returns {VulkanDriver | undefined}
 */
function unpackedDriver(root) {
  const folders = namesIn(join(root, 'usr/lib')).map((name) => join(root, 'usr/lib', name));
  const folder = folders.find((path) => existsSync(join(path, 'libvulkan_lvp.so')));
  if (folder === undefined) return undefined;
  // The manifest among the packages names the library without its folder, so that the system's libraries would be searched.
  const manifest = join(root, 'lvp_icd.json');
  const library = { library_path: join(folder, 'libvulkan_lvp.so'), api_version: '1.3.0' };
  writeFileSync(manifest, JSON.stringify({ file_format_version: '1.0.0', ICD: library }));
  return driverOf(manifest, folder, root);
}

/**
 * The system's own driver, where Dawn takes it.
 * @returns {Promise<VulkanDriver | undefined>}
 */
async function systemDriver() {
  const folder = '/usr/share/vulkan/icd.d';
  const name = namesIn(folder).find((each) => /^lvp_icd.*\.json$/.test(each));
  if (name === undefined) return undefined;
  mkdirSync(CACHE, { recursive: true });
  const driver = driverOf(join(folder, name), undefined, CACHE);
  return (await whyRefused(driver)) === undefined ? driver : undefined;
}

/**
 * @param {string} manifest
 * @param {string | undefined} libraries
 * @param {string} writable Mesa keeps its caches there
 * @returns {VulkanDriver}
 */
function driverOf(manifest, libraries, writable) {
  return {
    name: 'llvmpipe',
    env: {
      VK_DRIVER_FILES: manifest,
      ...(libraries === undefined ? {} : { LD_LIBRARY_PATH: libraries }),
      XDG_RUNTIME_DIR: writable,
      MESA_SHADER_CACHE_DIR: writable,
      // Compiles in half the time that vectors of 256 bits and LLVM's optimizations take; subgroups have 4 threads.
      LP_NATIVE_VECTOR_WIDTH: '128',
      GALLIVM_PERF: 'nopt',
    },
  };
}

/**
 * Why Dawn cannot compute with a driver in f16, or undefined where it can.
 * @param {VulkanDriver} driver
 */
async function whyRefused({ name, env }) {
  const args = ['--input-type=module', '--eval', PROBE];
  const { output } = await run(process.execPath, args, { output: 'capture', env, limitMs: 60_000 });
  const features = /^FEATURES (.*)$/m.exec(output)?.[1]?.split(' ');
  if (features?.includes('shader-f16') === true) return undefined;
  if (features === undefined) return `The package "webgpu" (Dawn) does not run here: ${lastLine(output)}`;
  return features[0] === '' ? `Dawn refuses ${name}: ${lastLine(output)}` : `${name} has no shader-f16 here.`;
}

/** @param {string} output */
function lastLine(output) {
  const lines = output.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('FEATURES'));
  return lines.find((line) => /error|warning/i.test(line)) ?? lines.at(-1) ?? 'it says nothing.';
}

/**
 * @param {string} folder
 * @returns {string[]} none where there is no such folder
 */
function namesIn(folder) {
  return existsSync(folder) ? readdirSync(folder) : [];
}
