import { sizeText, timeLeft } from '../components/figures.ts';
import { button, element, say } from './elements.ts';
import type { Progress } from './tasks.ts';

export interface ProgressBar {
  readonly update: (progress: Progress) => void;
}

/** Shows how far something is, with a button that cancels it. @param label for example Opening users.csv.age */
export function showProgress(place: HTMLElement, label: string, onCancel: () => void): ProgressBar {
  const percentText = element('strong', {}, '0 %');
  const bytesText = element('span', {});
  const left = element('span', { class: 'push' });
  const bar = element('progress', { value: '0', max: '100', 'aria-label': label });
  const cancel = button('Cancel', 'btn--small', onCancel);
  place.replaceChildren(
    element(
      'div',
      { class: 'big-progress' },
      element('div', { class: 'big-progress__line' }, percentText, element('span', {}, label), bytesText, left),
      bar,
      element('div', { class: 'row' }, cancel),
    ),
  );
  const begun = performance.now();
  let quarter = 0;
  return {
    update({ done, total }) {
      const percent = total === 0 ? 100 : Math.floor((done / total) * 100);
      bar.value = percent;
      percentText.textContent = `${percent} %`;
      bytesText.textContent = `${sizeText(done)} of ${sizeText(total)}`;
      left.textContent = timeLeft(performance.now() - begun, percent) ?? '';
      const reached = Math.floor(percent / 25) * 25;
      if (reached > quarter && reached < 100) say(`${label}: ${reached} percent`);
      quarter = Math.max(quarter, reached);
    },
  };
}
