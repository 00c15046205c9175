/** The worker's side of ConverterApi: picked files in, a folder of the browser out, the converter in between. */
import { convertCheckpoint } from '../src/converter/convert.ts';
import { directoryFolder } from '../src/io/web/directory-folder.ts';
import { fileListFolder } from '../src/io/web/file-list-folder.ts';
import type {
  CheckpointFiles,
  ConversionProgress,
  ConversionResult,
  ConversionSettings,
  ConverterApi,
} from '../src/protocol/converter-api.ts';

/** Implements the worker's interface. */
export class ConverterHost implements ConverterApi {
  async convert(
    checkpoint: CheckpointFiles,
    target: FileSystemDirectoryHandle,
    settings: ConversionSettings,
    onProgress: (progress: ConversionProgress) => void,
  ): Promise<ConversionResult> {
    const source = fileListFolder(checkpoint.name, checkpoint.files);
    const manifest = await convertCheckpoint(source, directoryFolder(target), { ...settings, onProgress });
    return {
      name: manifest.name,
      dtype: manifest.dtype,
      parameters: manifest.parameters,
      files: manifest.files.length,
      bytes: manifest.files.reduce((sum, file) => sum + file.bytes, 0),
    };
  }
}
