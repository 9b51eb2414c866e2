// What every page of Berth runs. Pages work without any of it; it makes them
// quicker to use. Modules of single pages are imported at the end.
import "./js/preferences.js";
import "./js/menus.js";
import "./js/dialogs.js";
import "./js/toasts.js";
import "./js/actions.js";
import "./js/copy.js";
import "./js/ages.js";
import "./js/forms.js";
import "./js/keys.js";
import "./js/palette.js";
import "./js/running.js";
import "../../dashboard/js/page.js";
import "../../signin/js/page.js";
import "../../jobs/js/page.js";
import "../../containers/js/page.js";
import "../../activity/js/page.js";
