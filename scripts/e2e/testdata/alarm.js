// A load that goes well, or with FAIL and SLOW not: of five requests one fails, one takes 1.2 s. With PROBE it
// asks once for as many routes that do not exist, and that is all.
//
// DURATION (5m) is how long it lasts.

import http from 'k6/http';
import { sleep } from 'k6';

const probes = Number(__ENV.PROBE || 0);

export const options = probes
  ? { vus: 1, iterations: 1 }
  : { vus: 3, duration: __ENV.DURATION || '5m' };

export default function () {
  for (let i = 0; i < probes; i++) {
    http.get(`${__ENV.BASE_URL}/admin/${i}.php`, { tags: { name: 'probe' } });
  }
  if (probes) {
    return;
  }
  for (let i = 0; i < 3; i++) {
    http.get(`${__ENV.BASE_URL}/fast`, { tags: { name: 'fast' } });
  }
  http.get(`${__ENV.BASE_URL}/${__ENV.FAIL ? 'status/500' : 'fast'}`, { tags: { name: 'order' } });
  http.get(`${__ENV.BASE_URL}/${__ENV.SLOW ? 'delay/1200' : 'fast'}`, { tags: { name: 'report' } });
  sleep(0.2);
}
