-- Paths that nobody asks for but programs that look for other people's software and forgotten files. Known by the whole path: a
-- service's own routes are under its own names.
local HIDDEN = [==[\.(?:ds_store|vscode|idea|env|aws|ssh|git|svn|hg|ht(?:access|passwd)|npmrc|docker\w*|kube)(?:$|[/.])]==]
local ADMINISTRATION = [==[wp-(?:login|admin|content|includes|json|cron|config)|xmlrpc\.php|php-?myadmin|pma/|mysqladmin|adminer|phpinfo|cgi-bin/|server-(?:status|info)$|actuator(?:/|$)|jolokia|]==]
    .. [==[manager/(?:html|text|status)|host-manager/|console/(?:login|j_security)|_ignition/|telescope/requests|hnap1|boaform/|gponform/|goform/|setup\.cgi|owa/auth|ecp/\w+\.js|autodiscover/|(?:elmah|trace)\.axd|]==]
    .. [==[(?:jmx|web|admin)-console/|invoker/(?:jmx|ejb)|solr/(?:admin|\w+/select)|(?:hudson|jenkins)/(?:script|login)|struts\d?-|geoserver/|wls-wsat/|_async/async|axis2/|druid/index|nacos/v\d|]==]
    .. [==[_cat/(?:indices|nodes)|_cluster/health|_all_dbs$|api/v1/(?:pods|secrets|namespaces)|v2/_catalog|containers/json|latest/meta-data|remote/(?:fgt_lang|login)|dana-na/|tmui/|mgmt/tm/|\+cscoe|global-protect/|]==]
    .. [==[sdk/vimservice|debug/(?:pprof|vars)|login\.action|vendor/phpunit|shell\.|webshell|c99\.|r57\.|cmd\.(?:php|jsp|aspx?)]==]
local FILES = [==[docker-compose\.ya?ml$|web\.config$|web-inf/|composer\.(?:json|lock)$|package(?:-lock)?\.json$|id_[rd]sa$|config\.(?:php|json|ya?ml|inc|old|bak)$|[\w.-]{1,60}\.(?:bak|swp|old|orig|sql|axd|cgi)~?$]==]

return {
    class = "probe",
    only = "path",
    forms = {"text"},
    gate = [==[^/]==],
    rules = {
        {id = "probe.path", score = 5, pattern = "^/(?:" .. HIDDEN .. "|" .. ADMINISTRATION .. "|" .. FILES .. ")", hit = "/wp-login.php", miss = "/films/7/opinions"},
    },
}
