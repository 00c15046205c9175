import { describe, expect, it } from 'vitest';
import { DEFAULT_PLAN, planFrom, planToSearch } from '../../src/evaluation/plan.ts';

describe('a plan in an address', () => {
  it('is the default one where nothing is said, and then says nothing', () => {
    expect(planFrom(new URLSearchParams())).toEqual(DEFAULT_PLAN);
    expect(planToSearch(DEFAULT_PLAN).toString()).toBe('');
  });

  it('survives the way there and back', () => {
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

  it('takes any other model as a URL, and asks no random weights for answers', () => {
    expect(planFrom(new URLSearchParams('model=models/other/')).model).toEqual({ kind: 'url', url: 'models/other/' });
    expect(planFrom(new URLSearchParams('model=3b')).only).not.toContain('answers');
  });

  it('takes the default for what cannot be used', () => {
    const search = new URLSearchParams(
      'backend=abacus&kernels=theirs&engines=theirs&only=nothing&repeat=-1&steps=1.5&limit=x',
    );
    expect(planFrom(search)).toEqual(DEFAULT_PLAN);
  });
});
