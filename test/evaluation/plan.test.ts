import { describe, expect, it } from 'vitest';
import { DEFAULT_PLAN, planFrom, planToSearch } from '../../src/evaluation/plan.ts';

describe('a plan in an address', () => {
  it('is the default without parameters, and the default has none', () => {
    expect(planFrom(new URLSearchParams())).toEqual(DEFAULT_PLAN);
    expect(planToSearch(DEFAULT_PLAN).toString()).toBe('');
  });

  it('survives a round trip', () => {
    const text =
      'model=7b&backend=webgpu&kernels=ours&tuning=tile:64&engines=ours&only=decode512,round2&repeat=3&steps=8&questions=20&limit=60&total=500';
    const plan = planFrom(new URLSearchParams(text));
    expect(plan).toEqual({
      model: { kind: 'preset', preset: '7b' },
      backend: 'webgpu',
      kernels: 'ours',
      tuning: 'tile:64',
      engines: ['ours'],
      only: ['decode512', 'round2'],
      repeat: 3,
      steps: 8,
      questions: 20,
      limitSeconds: 60,
      totalSeconds: 500,
    });
    expect(planFrom(planToSearch(plan))).toEqual(plan);
  });

  it('takes any other model as a URL, and asks for no answers from random weights', () => {
    expect(planFrom(new URLSearchParams('model=models/other/')).model).toEqual({ kind: 'url', url: 'models/other/' });
    expect(planFrom(new URLSearchParams('model=3b')).only).not.toContain('answers');
  });

  it('takes the default for an unusable parameter', () => {
    const search = new URLSearchParams('backend=&kernels=&engines=theirs&only=nothing&repeat=-1&steps=1.5&limit=x');
    expect(planFrom(search)).toEqual(DEFAULT_PLAN);
  });
});
