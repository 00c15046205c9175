/** A Vitest reporter that writes every test's outcome to the file named by TEST_LIST, reasons for skipping included. */
import { writeFileSync } from 'node:fs';

/**
 * @typedef {object} TestOutcome
 * @property {string} name file, groups and title
 * @property {'passed' | 'failed' | 'skipped'} state
 * @property {string} [reason] why it was skipped
 */

export default class TestListReporter {
  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly import('vitest/node').SerializedError[]} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    /** @type {TestOutcome[]} */
    const tests = [];
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const result = test.result();
        const reason = result.state === 'skipped' ? result.note : undefined;
        tests.push({
          name: `${module.relativeModuleId} > ${test.fullName}`,
          state: result.state === 'pending' ? 'failed' : result.state,
          ...(reason === undefined ? {} : { reason }),
        });
      }
      // A file or group whose setup failed has no test to carry the failure.
      for (const suite of [module, ...module.children.allSuites()]) {
        if (suite.errors().length > 0)
          tests.push({ name: `${module.relativeModuleId} could not be run`, state: 'failed' });
      }
    }
    for (const error of unhandledErrors) tests.push({ name: `unhandled: ${error.message}`, state: 'failed' });
    const file = process.env['TEST_LIST'];
    if (file !== undefined) writeFileSync(file, JSON.stringify(tests));
  }
}
