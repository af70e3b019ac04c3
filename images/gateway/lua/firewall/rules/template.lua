-- Template and expression-language injection, and look-ups that loggers evaluate.
return {
    class = "template",
    forms = {"text"},
    gate = [=[[{<#$@*%~\[]\s*[{%#=(\[$]|<#|<%|\$\{|#set|\{\{|\{%|\{php|jndi|\{\$|\[\[|@\(|~\{|\$_\{]=],
    rules = {
        {id = "template.arithmetic", score = 5, prose = 5, pattern = [==[(?:\{\{\{?|[$#*@~%]\{|<%=?|@\(|\[\[|\{=|#\{|\{\{=|\$\(|\{@|\{)\s*['"]?\d+['"]?\s*[*+/-]\s*['"]?\d+['"]?\s*(?:\}|%>|\)|\]\])|[$#*@~]\{[^}]{0,60}\d\s*\*\s*\d]==], hit = "{{7*7}}", miss = "{ 1, 2 }"},
        {id = "template.expression", score = 5, prose = 4,
            pattern = [==[\{\{[^}]{0,200}?(?:__|\b(?:config|self|request|class|mro|constructor|import|popen|lipsum|cycler|joiner|namespace|url_for|get_flashed_messages|range|dump|app|_self|system|exec|eval|filter|map|sort|reduce|settings|session|env|root|this|global|require|process|process|os|id|alert|toString|charAt|\$on|\$eval|dict)\b\s*[.\[(|('"])|\{\{\s*['"\[(\d][^}]{0,100}[*.|(\[][^}]{0,100}\}\}|\{\{\s*\w+\s*(?:\||\()\s*[^}]{0,100}\}\}]==], hit = "{{config.items()}}", miss = "{{name}}"},
        {id = "template.directive", score = 5, prose = 4, pattern = [==[\{%-?\s*(?:import|include|for|if|set|debug|extends|block|raw|from|macro|with|load|autoescape|print|exec|call|filter|do|apply|csrf_token)\b|<#(?:assign|list|include|import|if|macro|attempt|local|global|setting|function|ftl)\b|\#(?:set|foreach|evaluate|include|parse|define)\s*\(\s*[$"'\[]|<%[=@#!-]?[^%>]{0,200}(?:[*(.]|system|exec|import|include)[^%>]{0,200}%>|\{\$smarty\b|\{(?:php|literal|smarty|include|system|fetch|math|eval|function)\b[\s}.]|\[#(?:assign|list|include)\b|<(?:jsp|c|s|cfm?|#)\w*:(?:include|expression|scriptlet|import|out|set|property)\b|<cf(?:execute|include|file|query|set)\b|\#\{(?:[^}]{0,80}[(]|`)|\{\{#(?:with|each|if)\b|-\s*var\s+\w+\s*=\s*\w+\.constructor]==], hit = "<#assign x=1>", miss = "<# comment"},
        {id = "template.call", score = 5, prose = 2, pattern = [==[[$#*@]\{[^}]{0,120}?(?:\w\s*\(|\bt\s*\(|::|\.class\b|\bnew\s|\bparam\b|\bapplicationscope|\bsessionscope|\brequestscope|\bpagecontext|\b(?:facescontext|servletcontext)\b)]==], hit = "${ ex('id') }", miss = "${price}"},
        {id = "template.escape", score = 5, pattern = [==[\$\{\{.{1,80}\}\}|\{\{\{.{1,80}\}\}\}\}|\$_\{|__\$\{.{1,100}\}__|\*\{\s*t\s*\(|\$\{t\s*\(|\?new\(\)|\?api\b|\?eval\b|\bexecute"\?new|~\{.{1,60}\(|\(\s*#\w+\s*=\s*[@#\w]|%\{[^}]{0,60}(?:#|@|\(|\d\s*[*+]\s*\d)]==], hit = "${{7+1}}", miss = "${title}"},
        {id = "template.lookup", score = 5, pattern = [==[\$\{\s*(?:jndi|lower|upper|env|sys|java|ctx|bundle|k8s|docker|web|log4j|hostname|date|marker|main|event|spring|base64|script|dns|url|file|const|map|sd|:)\s*:|\$\{[^${}]{0,40}\$\{|\$\{\s*(?:::-|[^}]{0,20}:-)\w?\}|\bjndi\s*:\s*(?:ldaps?|rmi|dns|iiop|nis|corba|http)|\$\{hostname\}|%24%7b.{0,10}jndi|\$\{script:|j\W{0,3}n\W{0,3}d\W{0,3}i\W{0,3}:\W{0,3}(?:ldap|rmi|dns)]==], hit = "${jndi:ldap://x}", miss = "${title}"},
    },
}
