import type { Settings } from '../../config/settings.ts';
import type { ObjectsOptions } from './connection.ts';

type Connecting = Pick<
  Settings,
  | 'WAYBILL_OBJECTS_URL'
  | 'WAYBILL_OBJECTS_REGION'
  | 'WAYBILL_OBJECTS_BUCKET'
  | 'WAYBILL_OBJECTS_ACCESS_KEY'
  | 'WAYBILL_OBJECTS_SECRET_KEY'
>;

/** How to reach the bucket that the settings name. */
export function objectsOptions(settings: Connecting): ObjectsOptions {
  return {
    url: settings.WAYBILL_OBJECTS_URL,
    region: settings.WAYBILL_OBJECTS_REGION,
    bucket: settings.WAYBILL_OBJECTS_BUCKET,
    accessKey: settings.WAYBILL_OBJECTS_ACCESS_KEY,
    secretKey: settings.WAYBILL_OBJECTS_SECRET_KEY,
  };
}
